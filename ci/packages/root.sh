#!/usr/bin/env bash
# root.sh begin BASE LAYER: an empty layer over the root folder that php-debian.sh made in BASE.
#
# root.sh run|alone BASE LAYER TARGET COMMAND...: runs the command in there, as root, in this folder, with TARGET as its target/, and
# with this machine's Rust toolchain. What it changes is in the layer. Alone, it has no network, and all ports are free.
#
# What is mounted, and what the command started, is gone with it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"

begin() {
    local layer=$2
    as_root rm -rf --one-file-system "$layer"
    mkdir -p "$layer"/{work,merged} "$layer/upper/usr/sbin"
    # As on a machine that has just been set up by a chroot: nothing is started.
    printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$layer/upper/usr/sbin/policy-rc.d"
}

run() {
    local kind=$1 base=$2 layer=$3 target=$4 cargo_home=${CARGO_HOME:-$HOME/.cargo} rust network=()
    shift 4
    rust=$(rustc --print sysroot)
    mkdir -p "$cargo_home/registry" "$target"
    if [ "$kind" = alone ]; then network=(--net); fi
    # shellcheck disable=SC2016
    as_root unshare --mount --pid --fork --kill-child "${network[@]}" sh -euc '
        base=$1 layer=$2 target=$3 project=$4 rust=$5 registry=$6
        shift 6
        ip link set lo up
        debian=$layer/merged
        mount -t overlay gearman_rs -o "lowerdir=$base,upperdir=$layer/upper,workdir=$layer/work" "$debian"
        mount -t proc proc "$debian/proc"
        mount --rbind /dev "$debian/dev"
        for folder in "$project" "$rust" "$registry"; do
            mkdir -p "$debian$folder"
            mount --bind "$folder" "$debian$folder"
        done
        mount --bind "$target" "$debian$project/target"
        exec chroot "$debian" "$@"' sh "$base/root" "$layer" "$target" "$root" "$rust" "$cargo_home/registry" \
        env -i TERM="${TERM:-dumb}" HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive CARGO_HOME="$cargo_home" \
        CARGO_NET_OFFLINE=true PATH="$rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        sh -c 'cd "$0" && exec "$@"' "$root" "$@"
}

case ${1:-} in
    begin) begin "${@:2}" ;;
    run | alone) run "$@" ;;
    *) die "usage: root.sh begin|run|alone BASE LAYER ..." ;;
esac
