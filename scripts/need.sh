#!/usr/bin/env bash
# need.sh GROUP...: installs what building or testing needs and this machine does not have: for each group the function of that name.
# Silent, and without a look at the network, when nothing is missing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

missing=() php_wanted=
want() { missing+=("$@"); }

# Also where other systems than Debian have it. Not libclang-cpp, which other packages (llvm-dev) bring: bindgen has no use for it.
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] ||
        [ -n "$(find /usr/lib /usr/lib64 /usr/local/lib -maxdepth 3 -name 'libclang[-.][0-9s]*' -print -quit 2>/dev/null)" ]
}
has_php_headers() {
    have "$PHP_CONFIG" && [ -f "$("$PHP_CONFIG" --include-dir)/main/php.h" ] && scripts/find-run-tests.sh >/dev/null
}

has_node() { have node && node -e 'process.exit(Number(parseInt(process.versions.node) < 18))'; }

need_cargo() {
    local hint="See https://rustup.rs: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have cargo || die "cargo is missing: building needs Rust $wanted or newer. $hint"
    found=$(cargo --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n1)" = "$wanted" ] ||
        die "cargo is $found: building needs Rust $wanted or newer. $hint"
}

# What has nothing to do with PHP.
need_rust() {
    need_cargo
    have cc || want gcc libc6-dev
}

need_build() {
    need_rust
    local php
    php_wanted=1
    php=php$(php_version)
    have "$PHP" || want "$php-cli"
    has_php_headers || want "$php-dev"
    has_libclang || want libclang-dev
}

need_package() {
    have strip || want binutils
    have zip || want zip
    have unzip || want unzip
}

need_test_rust() {
    have openssl || want openssl
}

need_test_php() {
    need_test_rust
    have valgrind || want valgrind
}

need_test() {
    need_test_php
    need_package
    have make || want make
    have curl || want curl
    have ip || want iproute2
    has_pip || want python3-pip
}

# A browser, and what drives it.
need_page() {
    have "${CHROMIUM:-chromium}" || want chromium
    has_node || want nodejs
    have npm || want npm
}

need_bench() {
    have valgrind || want valgrind
    have strace || want strace
    have strip || want binutils
    have phpize || want "php$(php_version)-dev"
    have make || want make
}

need_stress() {
    have ip || want iproute2
}

need_deb() {
    have dh || want debhelper
    have dh_php || want dh-php
    have dpkg-buildpackage || want dpkg-dev
}

need_matrix() {
    need_test_php
    have debootstrap || want debootstrap
    have make || want make
    have xz || want xz-utils
}

# Headers of one PHP and the program of another make a module that does not load.
check_php() {
    local program
    program=$("$PHP" -n -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
    [ "$program" = "$(php_version)" ] ||
        die "$PHP is PHP $program, but $PHP_CONFIG is of PHP $(php_version): choose with PHP=... PHP_CONFIG=..."
}

[ $# -gt 0 ] || die "usage: need.sh GROUP..."
for group in "$@"; do
    declare -F "need_${group//-/_}" >/dev/null || die "need.sh: no such group: $group"
    "need_${group//-/_}"
done
if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
if [ "$php_wanted" ]; then check_php; fi
case " $* " in *" test "*) peers/interop.sh >/dev/null ;; esac
case " $* " in *" page "*) peers/page.sh >/dev/null ;; esac
