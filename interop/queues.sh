#!/usr/bin/env bash
# Queues in PostgreSQL, MariaDB and Redis, kept by C gearmand and by ours in turn: what one wrote before it was ended or killed,
# the other runs. Databases are this script's own, each as an ordinary user in a folder of its own.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"
# shellcheck source=interop/queue.sh
. "$(dirname "$0")/queue.sh"

start_postgresql() {
    start_postgres -F || finish
    queue=(--queue-type=Postgres "--libpq-conninfo=host=$data user=postgres dbname=postgres")
}
start_mysql() {
    local port
    port=$(free_port)
    # What another one made for the moment, in a folder of both, is deleted by whoever starts.
    "${as_user[@]}" "$TEST_MARIADB/mariadb-install-db" --datadir="$data/my" --tmpdir="$data" >>"$log" 2>&1
    background "${as_user[@]}" "$TEST_MARIADB/mariadbd" --datadir="$data/my" --tmpdir="$data" --socket="$data/my.sock" \
        --bind-address=127.0.0.1 --port="$port" --innodb-flush-log-at-trx-commit=2
    await listens "$port"
    queue=(--queue-type=MySQL --mysql-host=127.0.0.1 "--mysql-port=$port" --mysql-user=root --mysql-db=mysql)
}
start_redis() {
    local port
    port=$(free_port)
    background "${as_user[@]}" "$TEST_REDIS" --port "$port" --bind 127.0.0.1 --dir "$data" --save ''
    await listens "$port"
    queue=(--queue-type=redis --redis-server=127.0.0.1 "--redis-port=$port")
}

for database in postgresql mysql redis; do
    "start_$database"
    for first in C ours; do
        for second in ours C; do
            [ "$first$second" != CC ] || [ "${REFERENCE:-}" ] || continue
            for how in TERM KILL; do
                context="$database, $first, ended by $how, then $second: "
                start_server "$first" "${queue[@]}"
                submit "$first" -u a-key 'a workload'
                submit "$first" -u 'an other' 'another'
                submit "$first" -u schlüssel 'häppchen'
                submit "$first" -u high -I 'of high priority'
                check 'all are taken' '4 0 0' "$(jobs_of f)"
                kill_by "$how"
                start_server "$second" "${queue[@]}"
                check 'all come back' '4 0 0' "$(jobs_of f)"
                submit "$second" -u a-key 'the same key'
                check 'their keys too' '4 0 0' "$(jobs_of f)"
                run_all 4
                check 'as they were' $'a-key=a workload\nan other=another\nhigh=of high priority\nschlüssel=häppchen' \
                    "$(LC_ALL=C sort "$ran")"
                # C gearmand reads priorities from Redis and MySQL, and makes all that PostgreSQL has high.
                [ "$database$second" = postgresqlC ] || check 'the most urgent first' 'high=of high priority' "$(head -n1 "$ran")"
                await jobs_are f '0 0 0'
                end "$server"
                start_server "$first" "${queue[@]}"
                check 'what has run is gone' '0 0 0' "$(jobs_of f)"
                end "$server"
            done
        done
    done
done
finish
