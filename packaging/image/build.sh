#!/usr/bin/env bash
# build.sh FOLDER: everything that is in the image, into FOLDER, for the architecture TARGETARCH (amd64, arm64; this
# machine's), with cargo's profile PROFILE. Runs in the Dockerfile's first stage: on Debian, as root, with rustup where
# TARGETARCH is another machine's.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=$1
host=$(dpkg --print-architecture)
arch=${TARGETARCH:-$host}
profile=${PROFILE:-release}
case $arch in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) echo "There is no image for $arch" >&2 && exit 1 ;;
esac
target=$machine-unknown-linux-gnu

# A compiler and a C library for the other architecture, and Rust's own.
if [ "$arch" != "$host" ]; then
    apt-get update
    apt-get install -y --no-install-recommends "gcc-${machine/_/-}-linux-gnu" "libc6-dev-$arch-cross"
    rustup target add "$target"
    linker=CARGO_TARGET_${target^^}_LINKER
    export "${linker//-/_}=$machine-linux-gnu-gcc"
fi
RUSTFLAGS='-C target-feature=+crt-static -C strip=symbols' \
    cargo build --locked --profile "$profile" --target "$target" -p gearmand -p gearman-tools

cd "target/$target/$profile"
install -D -t "$image/usr/local/bin" gearmand gearman gearadmin
cd - >/dev/null
install -D -m 644 -t "$image/usr/share/doc/gearmand" LICENSE-MIT LICENSE-APACHE
scripts/notices.sh gearmand gearman-tools >"$image/usr/share/doc/gearmand/LIBRARIES"
install -D -m 644 -t "$image/etc" packaging/image/gearmand.conf
install -d -m 1777 "$image/tmp"
install -d /queue

# Names of hosts, zones of time, and who signs certificates of databases.
echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
echo 'gearmand:x:4730:4730::/var/lib/gearmand:/sbin/nologin' >"$image/etc/passwd"
echo 'gearmand:x:4730:' >"$image/etc/group"
install -d "$image/usr/share"
cp -a /usr/share/zoneinfo "$image/usr/share"
install -D -m 644 -t "$image/etc/ssl/certs" /etc/ssl/certs/ca-certificates.crt
