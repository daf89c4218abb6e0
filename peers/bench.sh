#!/usr/bin/env bash
# Whom `make bench` measures against, besides what interop.sh has. Prints where it is, for eval:
#
#   BENCH_PECL      pecl's module, built against Debian's libgearman
#   BENCH_REDIS     redis-server
#   BENCH_PHPREDIS  phpredis: the modules to load, separated by blanks
#   BENCH_LIBS      the LD_LIBRARY_PATH of all of them; empty where the system has their libraries
#
# Nothing is installed, and the system's list of sources stays as it is.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

group=bench
# shellcheck source=peers/unpack.sh
. peers/unpack.sh
source=$(listed "$group" source) # its .orig tarball is pecl's own
suite=$(pinned "$group" "$source")

# It is there, and this checkout was not moved since.
ready() {
    { [ -f "$vars" ] && as_listed; } || return 1
    # shellcheck disable=SC1090
    . "$vars"
    [ "$BENCH_PECL" = "$peers/gearman.so" ] && "$BENCH_REDIS" --version >/dev/null 2>&1 &&
        LD_LIBRARY_PATH=$BENCH_LIBS "$PHP" -n -d extension="$BENCH_PECL" -r 'exit((int) !extension_loaded("gearman"));'
}

fetch_pecl() {
    mkdir -p "$peers/build"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" \
        >"$peers/sources.list"
    apt_apart "$peers" apt-get -q update
    # Only one of its files is needed, so it is no matter if the mirror has another one no more.
    (cd "$peers" && apt_apart "$peers" apt-get -q source --download-only "$source") || true
    tarball=$(compgen -G "$peers/${source}_*.orig.tar.*")
    tar -xf "$tarball" -C "$peers/build"
}

build_pecl() {
    local headers library
    headers=$(locate /usr/include/libgearman-1.0/gearman.h)
    library=$(compgen -G "$files/usr/lib/*/libgearman.so" || compgen -G '/usr/lib/*/libgearman.so')
    # A link of the unpacked package whose file is in another one, which is installed.
    if [ ! -e "$library" ]; then
        ln -sf "$(compgen -G '/usr/lib/*/libgearman.so.*' | head -n 1)" "$library"
    fi
    cd "$(dirname "$(find "$peers/build" -name config.m4)")"
    "$(dirname "$(command -v "$PHP_CONFIG")")/phpize"
    LD_LIBRARY_PATH=$libs ./configure -q --with-php-config="$(command -v "$PHP_CONFIG")" \
        --with-libdir="lib/$(basename "$(dirname "$library")")" --with-gearman="${headers%/include/*}"
    make -s -j"$(nproc)"
    cp modules/gearman.so "$peers/gearman.so"
}

if ! ready; then
    begin
    find_libs
    say "building pecl's gearman in ${peers#"$root"/}"
    trap 'tail -n 20 "$peers/build.log" >&2' ERR
    fetch_pecl >"$peers/build.log" 2>&1
    (build_pecl) >>"$peers/build.log" 2>&1
    trap - ERR
    extensions=$("$PHP_CONFIG" --extension-dir)
    modules=()
    for module in igbinary redis; do modules+=("$(locate "$extensions/$module.so")"); done
    wrapper redis-server "$(locate /usr/bin/redis-server)"
    printf '%s=%q\n' BENCH_PECL "$peers/gearman.so" BENCH_REDIS "$peers/bin/redis-server" \
        BENCH_PHPREDIS "${modules[*]}" BENCH_LIBS "$libs" >"$vars"
    ready || die "what was built does not start: see ${peers#"$root"/}/build.log"
fi
cat "$vars"
