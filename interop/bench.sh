#!/usr/bin/env bash
# make bench itself: a hundredth of its jobs through the programs and servers that are there for tests. What
# it measures is no matter here; that every job arrived is what it checks by itself.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# From Debian's pecl, in place of one that has to be built.
export PHP BENCH_PECL=$PECL_GEARMAN_SO BENCH_LIBS=$PEER_LIBS BENCH_REDIS='' BENCH_PHPREDIS=''
export BENCH_MODULE=$MODULE BENCH_GEARMAND=$GEARMAND BENCH_SCRIPTS=$root/bench
export BENCH_SCRATCH=$scratch BENCH_SERVER_USER="${server_user[*]}"

bench() { "$built/bench" --quick --rounds 1 --out "$scratch" --only "$1" >>"$log" 2>&1; }
for row in 'do' tasks drain page server submit-unique latency depth; do
    check_that "bench: $row" bench "$row"
done
check_that "a picture is drawn" grep -q '<rect' "$scratch/results.svg"
if bench no-such-row; then fail "an unknown row is refused"; else pass "an unknown row is refused"; fi
finish
