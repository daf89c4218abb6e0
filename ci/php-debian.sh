#!/usr/bin/env bash
# php-debian.sh make FOLDER VERSION SUITE [SUITE]: a Debian in FOLDER/root with that PHP; from the second suite
# comes only what the first does not have. Does nothing where it is there already. Exit code 69: the mirror does not have it.
# With PHP go its headers and what compiles, or the packages that PHP_WITH names. VERSION "none": a Debian as bare as its image.
#
# php-debian.sh run FOLDER COMMAND...: runs the command in there, in this folder, with this machine's Rust toolchain.
#
# What is mounted is seen by that command alone and goes with it, however it ends.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

mirror=http://deb.debian.org/debian
action=$1 place=$2
debian=$place/root
shift 2

# in_root FOLDER... -- COMMAND...: with these folders of this machine at the same place.
in_root() {
    # shellcheck disable=SC2016
    as_root unshare --mount sh -euc '
        debian=$1 && shift
        mount -t proc proc "$debian/proc"
        mount --rbind /dev "$debian/dev"
        while [ "$1" != -- ]; do
            mkdir -p "$debian$1"
            mount --bind "$1" "$debian$1"
            shift
        done
        shift
        exec chroot "$debian" "$@"' sh "$debian" "$@"
}

make_root() {
    local version=$1 suite=$2 more=${3:-}
    [ ! -e "$place/ready" ] || return 0
    as_root rm -rf --one-file-system "$debian"
    mkdir -p "$place"
    as_root debootstrap --variant=minbase "$suite" "$debian" "$mirror"
    printf "deb $mirror %s main\n" "$suite" ${more:+"$more"} | as_root tee "$debian/etc/apt/sources.list" >/dev/null
    as_root cp -L /etc/resolv.conf /etc/hosts "$debian/etc/"
    # What this machine's apt needs to reach mirrors.
    apt-config dump --no-empty | sed -nE '/^Acquire::(https?::|Check-Valid-Until|Retries)/p' |
        as_root tee "$debian/etc/apt/apt.conf.d/90machine" >/dev/null
    packages "$version" || {
        say "not had: Debian $suite${more:+ and $more} have no PHP $version that can be installed"
        exit 69
    }
    touch "$place/ready"
}
packages() {
    local with
    in_root -- apt-get -q update || return
    if [ "$1" = none ]; then return; fi
    read -ra with <<<"${PHP_WITH:-php$1-dev gcc libc6-dev libclang-dev make valgrind}"
    in_root -- env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "php$1-cli" "${with[@]}"
}

run() {
    local cargo_home=${CARGO_HOME:-$HOME/.cargo} rust
    rust=$(rustc --print sysroot)
    mkdir -p "$cargo_home/registry"
    # shellcheck disable=SC2016
    in_root "$root" "$place" "$rust" "$cargo_home/registry" -- env CARGO_HOME="$cargo_home" CARGO_NET_OFFLINE=true \
        PATH="$rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        sh -c 'cd "$0" && exec "$@"' "$root" "$@"
}

case $action in
    make) make_root "$@" ;;
    run) run "$@" ;;
    *) die "usage: php-debian.sh make|run FOLDER ..." ;;
esac
