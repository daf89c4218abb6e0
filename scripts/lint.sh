#!/usr/bin/env bash
# Format, clippy, and where unsafe code may be, as CI wants them.
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

# The pages of the code: links in them lead somewhere.
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --quiet

# The fuzz targets still compile. Without libFuzzer itself, which a check does not need: nightly links it.
CUSTOM_LIBFUZZER_PATH=$root/target/none.a RUSTFLAGS='--cfg fuzzing' CARGO_TARGET_DIR=$root/target/fuzz-check \
    cargo clippy --locked --manifest-path fuzz/Cargo.toml -- -D warnings

# unsafe stays in src/, where PHP is met: every crate's roots forbid it, but gearmand's program, which forks. (Clippy wants a SAFETY
# comment at each.)
for file in crates/*/src/lib.rs crates/*/src/main.rs crates/*/src/bin/*.rs; do
    refuses=forbid
    if [ "$file" = crates/gearmand/src/main.rs ]; then refuses=deny; fi
    grep -q "^#!\[$refuses(unsafe_code)\]" "$file" || die "$file does not $refuses unsafe code"
done
allowed=$(grep -rlE 'allow\(unsafe_code|expect\(unsafe_code' crates --include='*.rs' | sort | tr '\n' ' ')
[ "$allowed" = "crates/gearmand/src/main.rs crates/gearmand/src/process/daemon.rs " ] || die "unsafe code is allowed in $allowed"

# A property that hangs or shrinks for ever looks like a slow test: crates/properties sees to that.
unbounded=$(grep -rl 'proptest! *{' crates --include='*.rs' | grep -v '^crates/properties/' || true)
[ -z "$unbounded" ] || die "properties! in place of proptest! in $unbounded"

# A longer one is about two things, or a program that bash is not made for.
long=$(find . -path ./target -prune -o -name '*.sh' -exec wc -l {} + | awk '$1 > 120 && $2 != "total" { print $2 }')
[ -z "$long" ] || die "more than 120 lines of bash in one file: $long"

ci/msrv.sh >/dev/null
scripts/map.sh crates/gearman-core/src crates/gearmand/src crates/gearman-tools/src crates/bench/src src

# The workflows run what ci/rows has.
ci/workflow-rows.sh check
