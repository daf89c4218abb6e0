#!/usr/bin/env bash
# Builds the module and the programs into target/release, and their manual pages into target/man.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/need.sh build
# The module alone: built together with the server, it would get the server's features of tokio.
cargo build --release -p gearman_rs
cargo build --release --workspace --exclude gearman_rs
scripts/man.sh

# Moved into place, not written over: a PHP that runs with the old module keeps it.
cd target/release
if ! cmp -s libgearman_rs.so gearman_rs.so; then
    cp libgearman_rs.so gearman_rs.so.new
    mv gearman_rs.so.new gearman_rs.so
fi
