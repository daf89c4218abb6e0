#!/usr/bin/env bash
# The module under php-fpm, with gearman.persistent and without: many requests, children that are replaced
# and killed, a job server that restarts, pages that end badly. FPM_REQUESTS sets how many requests.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -z "${PHP_FPM:-}" ]; then
    if [ -n "${CI:-}" ]; then fail 'php-fpm cannot be had'; else skip 'php-fpm cannot be had'; fi
    finish
fi

# start_fpm PERSISTENT: one pool of four children that are replaced, one of a single child that is not, and one whose child is
# ended when a request takes a second.
start_fpm() {
    local config=$scratch/fpm$1.conf pool user=()
    sockets=$scratch/fpm$1
    {
        printf '[global]\nerror_log = %s\ndaemonize = no\n' "$scratch/fpm.log"
        for pool in '' .one .short; do
            printf '[pool%s]\nlisten = %s\npm = static\n' "$pool" "$sockets$pool"
            if [ "$pool" ]; then printf 'pm.max_children = 1\n'; else printf 'pm.max_children = 4\npm.max_requests = 50\n'; fi
            if [ "$pool" = .short ]; then printf 'request_terminate_timeout = 1s\n'; fi
            if [ "$(id -u)" = 0 ]; then printf 'user = root\ngroup = root\n'; fi
        done
    } >"$config"
    if [ "$(id -u)" = 0 ]; then user=(--allow-to-run-as-root); fi
    background "$PHP_FPM" -n "${user[@]}" -y "$config" -d extension="$MODULE" -d gearman.persistent="$1" \
        -d memory_limit=32M -d html_errors=0 -d display_errors=0 -d log_errors=0
    fpm=$pid
    await test -S "$sockets.short" || fail 'FPM starts'
}

# shellcheck disable=SC2317 # called by background
# keep_up SERVER: the job server at $port, started again whenever somebody ends it.
keep_up() {
    local program=$GEARMAND running
    if [ "$1" = C ]; then program=$C_GEARMAND; fi
    trap 'kill "$running"; exit' TERM
    while true; do
        "$program" -p "$port" -L 127.0.0.1 -l "$scratch/gearmand.log" -P "$scratch/gearmand.pid" "${server_user[@]}" &
        running=$!
        wait "$running"
        sleep 0.2 # so that somebody notices
    done
}

for run in 'ours 1' 'ours 0' 'C 1'; do
    read -r kind persistent <<<"$run"
    context="$kind server, persistent=$persistent: "
    port=$(free_port)
    background keep_up "$kind"
    server=$pid
    await speaks_gearman "$port" || fail 'the job server starts'
    # shellcheck disable=SC2016
    background php_with ours -r '$worker = new GearmanWorker(); $worker->addServer("127.0.0.1", (int) $argv[1]);
        $worker->addFunction("reverse", fn ($job) => strrev($job->workload())); while (true) @$worker->work();' "$port"
    worker=$pid
    await has_workers reverse 1 || fail 'the worker comes'
    start_fpm "$persistent"
    add_up php_with ours interop/fpm.php "$sockets" "$port" "$persistent" "${FPM_REQUESTS:-1000}"
    end "$fpm" "$worker" "$server"
done
finish
