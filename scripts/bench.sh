#!/usr/bin/env bash
# make bench: builds everything, fetches whom to compare with, and measures. docs/performance.md says what.
#
#   BENCH_LIST=1          only names the rows
#   BENCH_ONLY=do,drain   measures these alone
#   BENCH_ROUNDS=6        how often each variant is measured
#   BENCH_QUICK=1         a hundredth of all jobs: to see whether everything works
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/need.sh build bench
PROFILE=release scripts/build.sh
if [ "${BENCH_LIST:-}" ]; then exec target/release/bench --list; fi
peers=$(peers/interop.sh && peers/bench.sh)
set -a
eval "$peers"
BENCH_SCRATCH=$(mktemp -d)
set +a

# A process group of its own, so that nothing it started outlives it, however it ends.
bench=''
# shellcheck disable=SC2329
clean_up() {
    if [ "$bench" ]; then kill -KILL -- "-$bench" 2>/dev/null || true; fi
    rm -rf "$BENCH_SCRATCH"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

ulimit -n "$(ulimit -Hn)"
export PHP BENCH_MODULE=$root/target/release/gearman_rs.so BENCH_GEARMAND=$root/target/release/gearmand
export BENCH_SCRIPTS=$root/bench BENCH_SERVER_USER="${server_user[*]}"
set -m
target/release/bench --rounds "${BENCH_ROUNDS:-6}" ${BENCH_ONLY:+--only "$BENCH_ONLY"} ${BENCH_QUICK:+--quick} &
bench=$!
set +m
wait "$bench"
