#!/usr/bin/env bash
# What a queue that servers share does, in PostgreSQL on this host, with its commits on the disk: durable submits beside C
# gearmand's own queue there, jobs submitted, run and settled, how long a submit takes at half of that, and the takeover of a killed
# server's jobs; then a server with many jobs that wait: its start, its memory, its claims. `make cluster-bench` asks for ten million
# of them, and five seconds each; by itself it is small enough for `make test`.
#
#   CLUSTER_SECONDS=0.5   for each load
#   CLUSTER_ROUNDS=1      how often
#   CLUSTER_ROWS=20000    jobs that wait
#   CLUSTER_TAKEOVERS=1   servers that are killed
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"
seconds=${CLUSTER_SECONDS:-0.5} rounds=${CLUSTER_ROUNDS:-1} rows=${CLUSTER_ROWS:-20000} takeovers=${CLUSTER_TAKEOVERS:-1}

start_postgres -c shared_buffers=256MB -c max_wal_size=4GB -c shared_preload_libraries=pg_stat_statements || finish

export PGOPTIONS='-c client_min_messages=warning'
sql() { "$TEST_POSTGRES/psql" -h "$data" -U postgres -Atqc "$1" postgres; }
# cluster SCHEMA [OPTION...]: one more server on it; sets port and server.
cluster() {
    local schema=$1
    shift
    start_server ours --queue-type=cluster "--cluster-url=host=$data user=postgres dbname=postgres" \
        "--cluster-schema=$schema" "--cluster-name=$schema-$RANDOM" --verbose=NOTICE "$@"
}
c_server() { start_server C --queue-type=Postgres "--libpq-conninfo=host=$data user=postgres dbname=postgres"; }
# load PORTS [OPTION...]: sets created, submits, settled, median and p99.
load() {
    read -r created submits settled median p99 < <("$built/bench" durable "$@" --seconds "$seconds" 2>>"$log") ||
        fail "bench durable $*"
}
jobs_in() { sql "SELECT count(*) FROM $1.job"; }
times() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", b ? a / b : 0 }'; }

echo "PostgreSQL: $(sql 'SHOW server_version'), fsync $(sql 'SHOW fsync'), synchronous_commit $(sql 'SHOW synchronous_commit')"
for ((round = 1; round <= rounds; round++)); do
    for window in 1 64; do
        cluster "submits$round"
        load "$port" --window "$window"
        ours=$submits
        check "round $round: all that was acknowledged is stored" "$created" "$(jobs_in "submits$round")"
        end "$server"
        sql "DROP SCHEMA submits$round CASCADE"
        c_server
        load "$port" --window "$window"
        check "round $round: C gearmand's, too" "$created" "$(sql 'SELECT count(*) FROM queue')"
        end "$server"
        sql 'DROP TABLE queue'
        echo "round $round: eight clients, each with $window jobs under way, submit $ours jobs/s to ours, $submits to C gearmand" \
            "with PostgreSQL: $(times "$ours" "$submits") times as many"
    done

    cluster "run$round"
    first=$port pids=("$server")
    load "$first" --workers 8 --window 16
    most=$settled
    load "$first" --workers 8 --rate "$((most / 2))" --window 64
    echo "round $round: one server, eight clients and eight workers: $most jobs/s submitted, run and settled; at half of that a submit takes $median us, p99 $p99 us"
    cluster "run$round"
    second=$port
    pids+=("$server")
    load "$first,$second" --workers 8 --window 16
    echo "round $round: two servers: $settled jobs/s"
    check "round $round: nothing is left" 0 "$(jobs_in "run$round")"
    end "${pids[@]}"
    sql "DROP SCHEMA run$round CASCADE"
done

# How long after kill -9 another server's worker has the job.
for ((n = 1; n <= takeovers; n++)); do
    cluster takeover
    second=$server first_port=$port
    cluster takeover
    "$GEARMAN" -h 127.0.0.1 -p "$port" -b -f "job$n" x
    background "$GEARMAN" -h 127.0.0.1 -p "$port" -w -f "job$n" -- sleep 600
    has() { [ "$(sql "SELECT count(*) FROM takeover.job WHERE started")" = 1 ]; }
    await has
    begin=$(date +%s%N)
    kill -KILL "$server"
    wait "$server" 2>/dev/null # or bash tells of its end
    if timeout 60 "$GEARMAN" -h 127.0.0.1 -p "$first_port" -w -c 1 -f "job$n" -- true >>"$log" 2>&1; then
        pass "a killed server's job runs elsewhere: after $((($(date +%s%N) - begin) / 1000000)) ms"
    else
        fail "a killed server's job runs elsewhere"
    fi
    end "$second" "$pid"
    sql 'DROP SCHEMA takeover CASCADE'
done

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
