#!/usr/bin/env bash
# Format and clippy, as CI wants them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/need.sh build
for part in fmt clippy; do
    cargo "$part" --version >/dev/null 2>&1 || die "cargo $part is missing: rustup component add rustfmt clippy"
done
cargo fmt --all --check
rustfmt --check fuzz/fuzz_targets/*.rs
cargo clippy -p gearman_rs --all-targets -- -D warnings
cargo clippy --workspace --exclude gearman_rs --all-targets -- -D warnings
