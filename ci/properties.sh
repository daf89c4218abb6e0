#!/usr/bin/env bash
# make properties: Rust's tests once, each property with CASES_FACTOR (100) times its cases. All that is said is kept in
# target/test/properties.log; what was drawn, and with which seeds, is shown at the end.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

scripts/need.sh rust
peers/databases.sh >/dev/null || say "there are no databases: properties of queues in them are left out"
log=target/test/properties.log
mkdir -p target/test
export GEARMAN_CASES_FACTOR=${CASES_FACTOR:-100}
status=0
cargo test -p gearman-core -p gearmand --lib --tests --no-fail-fast -- --nocapture 2>&1 | tee "$log" || status=$?
printf '\n== what was drawn\n'
grep -ho '[a-z_]*: [0-9]* cases, PROPTEST_RNG_SEED=[0-9]*' "$log"
exit "$status"
