#!/usr/bin/env bash
# A server that shares a queue in which many jobs wait: its start, its memory, its claims. `make cluster-bench` asks for ten million
# jobs; by itself it is small enough for `make test`.
#
#   CLUSTER_ROWS=20000    jobs that wait
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/shared-queue.sh
. "$(dirname "$0")/shared-queue.sh"
rows=${CLUSTER_ROWS:-20000}

# fill SCHEMA FUNCTION ROWS: free jobs, as our statements write them.
fill() {
    sql "INSERT INTO $1.job (id, due, priority, function, unique_key, data)
        SELECT nextval('$1.fill'), (extract(epoch FROM now()) * 1000)::bigint, 1, '$2', '', convert_to(repeat('x', 100), 'UTF8')
        FROM generate_series(1, $3); UPDATE $1.cluster SET next_id = nextval('$1.fill') + 1000"
}
cluster many
end "$server"
sql 'CREATE SEQUENCE many.fill'
for n in 1 2 3; do fill many "few$n" 1000; done
fill many f "$rows"
sql 'ANALYZE many.job; CHECKPOINT'
begin=$(date +%s%N)
cluster many
started=$((($(date +%s%N) - begin) / 1000000))
rss() { awk '$1 == "VmRSS:" { print int($2 / 1024) }' "/proc/$server/status"; }
idle=$(rss)
echo "$rows jobs wait: a server answers $started ms after it was started, with $idle MB"
# claims OF FUNCTION: runs a thousand jobs, and shows what it took the database to claim them.
claims() {
    sql "SELECT FROM pg_stat_statements_reset()"
    load "$port" --function "$2" --clients 0 --workers 8 --jobs 1000
    echo "a thousand of $1: $settled jobs/s are claimed, run and settled;" "$(sql "SELECT format('claims take %s ms for a thousand',
        round((sum(total_exec_time) * 1000 / sum(rows))::numeric, 1))
        FROM pg_stat_statements WHERE query LIKE '%picked AS%'")"
}
sql 'CREATE EXTENSION pg_stat_statements'
for n in 1 2 3; do
    claims 'a function with no more' "few$n"
    claims "$rows" f
done
check_that "at most 50 MB: $(rss)" [ "$(rss)" -le 50 ]
end "$server"
finish
