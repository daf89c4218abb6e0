# shellcheck shell=sh
# What the scripts of this folder share. To be sourced in the project's folder; for sh, as Alpine has no bash.

# The toolchain of what is released.
# shellcheck disable=SC2034
rust=1.95.0
# The oldest glibc that it runs on: that of Debian 11 and Ubuntu 20.04.
glibc=2.31
machine=$(uname -m)
PATH=$HOME/.cargo/bin:$PATH

# zig, which brings all versions of glibc, and musl, and what lets cargo link by it. Not below this folder: zig would name its headers by
# paths from here, and others look from elsewhere.
zig=/opt/zig
zig_tools() {
    if ! cmp -s ci/release/zig.txt "$zig/wanted"; then
        rm -rf "$zig"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
            --target "$zig" --requirement ci/release/zig.txt
        cp ci/release/zig.txt "$zig/wanted"
    fi
    export PYTHONPATH="$zig" CARGO_ZIGBUILD_PYTHON_PATH=python3
}

# link_old TARGET: cargo builds for it as ever, and links with our glibc: no symbol is asked for that this does not have. zig's headers are not
# used, as bindgen's clang is older than they are. rustc knows by the name cc which arguments the linker takes.
link_old() {
    zig_tools
    printf '#!/bin/sh\nexec "%s/bin/cargo-zigbuild" zig cc -- -target %s-linux-gnu.%s "$@"\n' "$zig" "$machine" "$glibc" >"$zig/cc"
    chmod +x "$zig/cc"
    export "CARGO_TARGET_$(printf %s "$1" | tr 'a-z-' 'A-Z_')_LINKER=$zig/cc"
}

# old_enough FILE: it asks for no glibc newer than ours.
old_enough() {
    newest=$(objdump -T "$1" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
    if [ "$(printf '%s\n' "${newest:-unknown}" "$glibc" | sort -V | tail -n 1)" != "$glibc" ]; then
        echo "$1 needs glibc ${newest:-unknown}, and is to run with $glibc" >&2
        return 1
    fi
    echo "$1 runs with glibc $newest and newer"
}
