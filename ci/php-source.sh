#!/usr/bin/env bash
# php-source.sh FOLDER OPTION...: PHP from Debian's source, as peers/table has it, into FOLDER/php, configured with the options
# and little else. Does nothing where it is there already. The system's list of sources stays as it is.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=peers/table.sh
. peers/table.sh

package=$(listed php source)
suite=$(pinned php "$package")
place=$1
shift
sources=$(dirname "$place")/sources # one download for all flavours

[ ! -e "$place/ready" ] || exit 0

# Newest first. The lists may name one that the mirror has thrown away for a newer one.
fetch() {
    local version
    mkdir -p "$sources"
    printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s main\n' \
        "http://deb.debian.org/debian $suite" "http://deb.debian.org/debian-security $suite-security" >"$sources/sources.list"
    apt_apart "$sources" apt-get -q update
    cd "$sources"
    for version in $(apt_apart "$sources" apt-cache showsrc "$package" | sed -n 's/^Version: //p' | sort -Vru); do
        if apt_apart "$sources" apt-get -q source --download-only "$package=$version"; then return; fi
    done
    die "apt-get cannot fetch the source of $package"
}
tarball() { compgen -G "$sources/${package}_*.orig.tar.xz" | sort -V | tail -n 1; }

if [ -z "$(tarball || true)" ]; then (fetch); fi
rm -rf "$place/build" "$place/php"
mkdir -p "$place/build"
tar -xJf "$(tarball)" -C "$place/build" --strip-components=1
cd "$place/build"
CFLAGS='-O1 -g' ./configure -q --prefix="$place/php" --disable-all --enable-cli --enable-embed=shared \
    --enable-ctype --enable-opcache --enable-pcntl --enable-posix=shared --enable-tokenizer "$@"
make -s -j"$(nproc)"
make -s install
cd "$root"
rm -rf "$place/build"
touch "$place/ready"
