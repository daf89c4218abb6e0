#!/bin/sh
# module.sh FOLDER: the module for the PHP of the image that it runs in, as the zip that PIE downloads, into FOLDER. TAG is the
# release's. Runs as root in one of Docker's official images of PHP: on Debian it is linked for an older glibc,
# on Alpine for musl.
set -eu
cd "$(dirname "$0")/../.."
. ci/release/lib.sh

output=$1
if [ -e /etc/alpine-release ]; then
    apk add --no-cache bash binutils build-base clang-dev coreutils curl zip
    ci/rust.sh "$rust"
    # A module is loaded, so it is not linked statically, as musl's programs are. What builds it has to load libclang, too.
    RUSTFLAGS='-C target-feature=-crt-static' cargo build --release --locked -p gearman_rs
    built=target/release/libgearman_rs.so
else
    apt-get -q update
    apt-get install -qy --no-install-recommends binutils ca-certificates curl gcc libc6-dev libclang-dev python3-pip zip
    ci/rust.sh "$rust"
    target=$machine-unknown-linux-gnu
    link_old "$target"
    cargo build --release --locked --target "$target" -p gearman_rs
    built=target/$target/release/libgearman_rs.so
    old_enough "$built"
fi
strip --strip-unneeded -o target/gearman.so "$built"
MODULE=target/gearman.so scripts/package.sh "$output"
