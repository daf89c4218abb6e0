#!/usr/bin/env bash
# What a queue that servers share does, in PostgreSQL on this host: durable submits beside C gearmand's own queue there, jobs submitted,
# run and settled, how long a submit takes at half of that, and the takeover of a killed server's jobs. `make cluster-bench` asks for
# five seconds each; by itself it is small enough for `make test`.
#
#   CLUSTER_SECONDS=0.5   for each load
#   CLUSTER_ROUNDS=1      how often
#   CLUSTER_TAKEOVERS=1   servers that are killed
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/shared-queue.sh
. "$(dirname "$0")/shared-queue.sh"
rounds=${CLUSTER_ROUNDS:-1} takeovers=${CLUSTER_TAKEOVERS:-1}

c_server() { start_server C --queue-type=Postgres "--libpq-conninfo=host=$data user=postgres dbname=postgres"; }
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
finish
