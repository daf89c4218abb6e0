#!/usr/bin/env bash
# image.sh: builds the image, and looks whether it does what docs/container.md says: ci/image/checks.py. Docker builds it where there is one; else buildah
# (apt-get install buildah), on a Debian that debootstrap makes in the place of Docker's image of Rust. As root.
#
#   PROFILE   cargo's profile, release; demo is soon there
#
# The last line is "N passed, N failed, N skipped".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

profile=${PROFILE:-release}
place=$root/target/image
rootfs=$place/rootfs
name=gearmand:checked
mkdir -p "$place"
rm -rf --one-file-system "$rootfs"
mkdir "$rootfs"

with_docker() {
    local container
    docker build --quiet --build-arg PROFILE="$profile" --tag "$name" . >/dev/null
    docker image inspect --format '{{json .Config}}' "$name" >"$place/config.json"
    container=$(docker create "$name")
    docker export "$container" | as_root tar -x -C "$rootfs"
    docker rm "$container" >/dev/null
}

# buildah, with all that it keeps under target/.
builder() { buildah --root "$place/storage" --runroot "$place/run" "$@"; }

# base NAME PACKAGES: an image of Debian 12 with these packages and this machine's Rust, where Docker's has its own.
base() {
    local from=$1 debian=$place/debian container
    if builder inspect --type image "$from" >/dev/null 2>&1; then return; fi
    rm -rf --one-file-system "$debian"
    debootstrap --variant=minbase --include="$2" bookworm "$debian" http://deb.debian.org/debian >"$place/debootstrap.log"
    cp -r "$(rustc --print sysroot)"/{bin,lib} "$debian/usr/local/"
    # Of this machine, so that cargo reaches crates.io as it does here.
    cp -L /etc/ssl/certs/ca-certificates.crt "$debian/etc/ssl/certs/"
    container=$(builder from scratch)
    builder add --quiet "$container" "$debian" / >/dev/null
    builder config --env CARGO_HOME=/usr/local/cargo "$container"
    builder commit --quiet --rm "$container" "$from" >/dev/null
    rm -rf --one-file-system "$debian"
}

with_buildah() {
    local registry=${CARGO_HOME:-$HOME/.cargo}/registry container from
    from=docker.io/library/rust:$(sed -n 's/^ARG RUST=//p' Dockerfile)-bookworm
    for program in buildah debootstrap; do
        have "$program" || die "There is no Docker, and no $program in its place: apt-get install $program"
    done
    base "$from" ca-certificates,gcc,libc6-dev
    mkdir -p "$registry"
    # Only Docker's format has a HEALTHCHECK.
    builder build --layers --format docker --isolation chroot --pull-never --build-arg PROFILE="$profile" \
        --volume "$registry:/usr/local/cargo/registry" --tag "$name" . >"$place/build.log" 2>&1 || { tail -n 20 "$place/build.log" >&2; die "The image could not be built: $place/build.log"; }
    builder inspect --type image "$name" |
        python3 -c 'import json, sys; json.dump(json.load(sys.stdin)["Docker"]["config"], sys.stdout)' >"$place/config.json"
    container=$(builder from --pull-never "$name")
    cp -a "$(builder mount "$container")/." "$rootfs"
    builder rm "$container" >/dev/null
}

if docker version >/dev/null 2>&1; then
    with_docker
else
    with_buildah
fi
as_root python3 ci/image/checks.py "$rootfs" "$place/config.json"
