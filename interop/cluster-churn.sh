#!/usr/bin/env bash
# Jobs that come and go through two servers that share a queue, and how large the table becomes by them: a day's worth of a busy
# queue in minutes. `make cluster-bench` asks for ten million jobs; by itself it is small enough for `make test`.
#
#   CLUSTER_CHURN=2000    jobs at least
#   CLUSTER_SECONDS=0.5   for each load, after which sizes are shown
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/shared-queue.sh
. "$(dirname "$0")/shared-queue.sh"
jobs=${CLUSTER_CHURN:-2000} all=0 most=0

megabytes() { sql "SELECT pg_total_relation_size('churn.job') >> 20"; }
cluster churn
first=$port
cluster churn
while [ "$all" -lt "$jobs" ]; do
    load "$first" "$port" --workers 8 --window 64
    all=$((all + created))
    size=$(megabytes)
    if [ "$size" -gt "$most" ]; then most=$size; fi
    echo "$all jobs: table and indices have $size MB; $settled jobs/s submitted, run and settled"
done
check 'nothing is left' 0 "$(sql 'SELECT count(*) FROM churn.job')"
check_that "at most 1 GB, however many: $most MB" [ "$most" -le 1024 ]
finish
