#!/usr/bin/env bash
# make bench: builds everything, fetches whom to compare with, and measures. docs/performance.md says what.
#
#   BENCH_ONLY=do,drain   these rows alone (crates/bench --list names them: BENCH_LIST=1 make bench)
#   BENCH_ROUNDS=6        how often each variant is measured
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/need.sh build bench
scripts/build.sh
if [ "${BENCH_LIST:-}" ]; then exec target/release/bench --list; fi
peers=$(scripts/peers.sh && scripts/bench-peers.sh)
set -a
eval "$peers"
set +a

ulimit -n "$(ulimit -Hn)"
export PHP BENCH_MODULE=$root/target/release/gearman_rs.so BENCH_GEARMAND=$root/target/release/gearmand
export BENCH_SCRIPTS=$root/bench BENCH_SERVER_USER="${server_user[*]}"
say "measuring into target/bench; load of this machine: $(cut -d' ' -f1-3 /proc/loadavg)"
exec target/release/bench --rounds "${BENCH_ROUNDS:-6}" ${BENCH_ONLY:+--only "$BENCH_ONLY"}
