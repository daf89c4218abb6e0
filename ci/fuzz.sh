#!/usr/bin/env bash
# Fuzzes each target of fuzz/ for FUZZ_SECONDS (600), and stops at the first thing found. What was
# learned is kept in target/fuzz/corpus for the next time.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

have c++ || die "a C++ compiler is missing, for libFuzzer: apt-get install g++"
cargo fuzz --version >/dev/null 2>&1 || die "cargo fuzz is missing: cargo install cargo-fuzz"
export CARGO_TARGET_DIR=$root/target/fuzz

for target in ${FUZZ_TARGETS:-codec dispatch client worker tls http}; do
    mkdir -p "target/fuzz/corpus/$target"
    # Sanitizers want a nightly compiler, and look for what safe code cannot do.
    cargo fuzz run --sanitizer none "$target" "target/fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-600}" -max_len=4096 -timeout=10 -print_final_stats=1
done
