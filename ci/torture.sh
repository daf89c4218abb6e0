#!/usr/bin/env bash
# The durable queue under kill -9 (TORTURE_ROUNDS, 200), three servers that share one in PostgreSQL under all that can happen to
# them and to it, as often; and the durable queue's pace beside C gearmand's: eight clients that submit one background job after
# the other, in turns, for SECONDS_EACH (5) seconds.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

scripts/need.sh build test
scripts/build.sh
peers/databases.sh >/dev/null || say "there is no PostgreSQL: peers/databases.sh"
TORTURE_ROUNDS=${TORTURE_ROUNDS:-200} cargo test -q -p gearmand --test tests torture -- --nocapture

# shellcheck source=interop/lib.sh
. interop/lib.sh
seconds=${SECONDS_EACH:-5}

# pace ours|C: jobs a second, and what the log says of the queue.
pace() {
    local clients=() i
    start_server "$1" --queue-type libsqlite3 --libsqlite3-db="$scratch/$1-$RANDOM.db" --verbose=INFO
    for i in 1 2 3 4 5 6 7 8; do
        # shellcheck disable=SC2016
        "$PHP" -n -d "extension=$MODULE" -r '$client = new GearmanClient(); $client->addServer("127.0.0.1", (int) $argv[1]);
            $end = microtime(true) + $argv[2];
            for ($n = 0; microtime(true) < $end; $n++) $client->doBackground("f", str_repeat("x", 100)) || exit("refused\n");
            echo $n, "\n";' "$port" "$seconds" >"$scratch/client-$i" &
        clients+=($!)
    done
    for i in "${clients[@]}"; do wait "$i"; done
    end "$server"
    cat "$scratch"/client-? | awk -v s="$seconds" '{ n += $1 } END { printf "%d ", n / s }'
    sed -n 's/.*durable queue wrote //p' "$scratch/gearmand-$port.log" | tail -n 1 | grep . || echo
}

for round in 1 2 3; do
    read -r ours commits < <(pace ours)
    read -r theirs _ < <(pace C)
    say "round $round: ours $ours jobs/s ($commits), C gearmand $theirs jobs/s: $((ours / theirs)) times as many"
done
