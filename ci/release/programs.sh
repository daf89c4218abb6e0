#!/usr/bin/env bash
# programs.sh FOLDER: server and tools for any Linux of this machine's processor, linked statically with musl, as a tar.gz in
# FOLDER: gearmand-VERSION-MACHINE-linux-musl.tar.gz. Runs as root on Debian. Exit code 69: Rust is there, without its target for musl.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ci/release/lib.sh

output=$1
apt-get -q update
apt-get install -qy --no-install-recommends binutils ca-certificates curl gcc libc6-dev python3-pip
target=$machine-unknown-linux-musl
ci/rust.sh "$rust" --target "$target"
# Where this Rust was there before, its target may not be.
[ -d "$(rustc --print target-libdir --target "$target")" ] || { echo "not had: Rust's target $target" >&2 && exit 69; }
zig_tools
"$zig/bin/cargo-zigbuild" zigbuild --release --locked --target "$target" -p gearmand -p gearman-tools
cargo run --release --locked -p man -- target/man

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
name=gearmand-$version-$machine-linux-musl
stage=target/programs/$name
built=target/$target/release
rm -rf "$stage"
for program in gearmand gearman gearadmin gearman-runner; do
    if objdump -p "$built/$program" | grep NEEDED; then echo "$program is not static" >&2 && exit 1; fi
    install -D -t "$stage/bin" "$built/$program"
    strip "$stage/bin/$program"
    "$stage/bin/$program" --version
done
install -D -m 644 -t "$stage/man" target/man/*
install -D -m 644 -t "$stage/contrib" contrib/*
install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$stage"
scripts/notices.sh gearmand gearman-tools >"$stage/LIBRARIES"

# It serves.
socket=$PWD/target/programs/socket
"$stage/bin/gearmand" --listen "unix://$socket" --user root --log-file stderr --pid-file= &
server=$!
trap 'kill "$server"' EXIT
for _ in {1..100}; do
    if [ -S "$socket" ]; then break; fi
    sleep 0.1
done
"$stage/bin/gearadmin" --host "unix://$socket" --server-version

mkdir -p "$output"
tar -C target/programs --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(date -r CHANGELOG.md +%s)" -cz \
    -f "$output/$name.tar.gz" "$name"
