# shellcheck shell=sh
# What the scripts of this folder share. To be sourced in the project's folder; for sh, as Alpine has no bash.

# The toolchain of what is released.
# shellcheck disable=SC2034
rust=1.95.0
# The oldest glibc that it runs on: that of Debian 11 and Ubuntu 20.04.
glibc=2.31
# shellcheck disable=SC2034
machine=$(uname -m)
PATH=$HOME/.cargo/bin:$PATH

# zig_build TARGET ARGUMENT...: cargo build for it, release, by the linker of zig, which brings the C libraries.
zig_build() {
    target=$1
    shift
    # Not below this folder: zig would name its headers by paths from here, and bindgen looks from elsewhere.
    tools=/opt/zig
    if ! cmp -s ci/release/zig.txt "$tools/wanted"; then
        rm -rf "$tools"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
            --target "$tools" --requirement ci/release/zig.txt
        cp ci/release/zig.txt "$tools/wanted"
    fi
    PYTHONPATH=$tools CARGO_ZIGBUILD_PYTHON_PATH=python3 "$tools/bin/cargo-zigbuild" zigbuild \
        --release --locked --target "$target" "$@"
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
