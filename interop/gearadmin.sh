#!/usr/bin/env bash
# gearadmin, ours and C's, on both servers: they print the same of functions, connections and jobs; and what --watch shows.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# asked NAME ARGUMENT...: both gearadmins print the same and end the same. % in an argument is another word for each.
asked() {
    local name=$1 program out=()
    shift
    for program in "$C_GEARADMIN" "$GEARADMIN"; do
        out+=("$(timeout 10 "$program" -h 127.0.0.1 -p "$port" "${@//%/${#out[@]}}" 2>&1; echo "status $?")")
    done
    check "gearadmin $name" "${out[@]}"
}

# The list of connections, without what each call changes: its own descriptor, and on the C server the order.
connections() { timeout 10 "$1" -h 127.0.0.1 -p "$port" --workers | sed -E 's/^[0-9]+ /FD /' | sort; }
# while_php_works: a list of connections with a worker that has many functions.
while_php_works() {
    local php
    for php in ours pecl; do
        background php_with "$php" interop/worker.php "$port" "$php-worker"
        await has_workers story 1 || fail 'the PHP worker comes'
        context="$kind server, worker in PHP ($php): "
        check 'gearadmin --workers' "$(connections "${C_GEARADMIN:?}")" "$(connections "$GEARADMIN")"
        end_workers "$pid"
    done
    context="$kind server: "
}

# while_one_runs: a running job beside queued ones.
while_one_runs() {
    # Its command lasts as long as the worker, so that none is left behind.
    # shellcheck disable=SC2016
    tool_worker C held -- sh -c 'exec tail -f /dev/null --pid=$PPID'
    for priority in -I -L -b; do "$GEARMAN" -h 127.0.0.1 -p "$port" -b $priority -u "held $priority" -f held x; done
    await jobs_are held '3 1 1' || fail 'a job runs and two wait'
    for question in --status --priority-status --show-jobs --show-unique-jobs; do
        asked "$question, with a running job" "$question"
    done
    check 'total, running and workers' '3 1 1' "$(jobs_of held)"
    check 'queued by priority' $'held\t0\t1\t1\t1' "$(admin prioritystatus | grep ^held)"
    check 'keys' 'held -I,held -L,held -b,' "$(admin 'show unique jobs' | grep -o 'held -.$' | sort | tr '\n' ,)"
}

# is_shown FILE FUNCTION COLUMN PATTERN: one of the tables that --watch wrote says so of the function.
is_shown() {
    awk -v f="$2" -v column="$3" -v pattern="^($4)\$" '
        $1 == "FUNCTION" { for (i = 1; i <= NF; i++) if ($i == column) place = i }
        $1 == f && $place ~ pattern { found = 1 }
        END { exit !found }' "$1"
}

# jobs_are_seen FILE FUNCTION COLUMN: submits some, and looks whether a table says that they end.
jobs_are_seen() {
    seq 50 | "$GEARMAN" -h 127.0.0.1 -p "$port" -b -n -f "$2"
    is_shown "$1" "$2" "$3" '.*[1-9].*'
}

# watched_ours FILE: what only our server tells.
watched_ours() {
    local ours=(-h 127.0.0.1 -p "$port") counters name
    check_that 'gearadmin --watch: nobody can run them' await is_shown "$1" queued STATE no-worker
    "$GEARADMIN" "${ours[@]}" --policy dies retries=0 dead-letters=10,1d >/dev/null
    "$GEARADMIN" "${ours[@]}" --policy rests paused=yes >/dev/null
    tool_worker ours dies -- false
    tool_worker ours rests -- cat
    "$GEARMAN" "${ours[@]}" -b -s -f dies
    "$GEARMAN" "${ours[@]}" -b -s -f rests
    check_that 'gearadmin --watch: new dead letters' await is_shown "$1" dies STATE new-dead
    check_that 'gearadmin --watch: how many' await is_shown "$1" dies DEAD 1
    check_that 'gearadmin --watch: paused' await is_shown "$1" rests STATE paused
    check_that 'gearadmin --watch: the oldest' await is_shown "$1" rests OLDEST '[0-9.]+m?s'
    check_that 'gearadmin --watch: the server' await grep -q '^gearmand .* 1 dead letter,' "$1"
    counters=$("$GEARADMIN" "${ours[@]}" --json --counters)
    for name in dead_letters oldest_us paused; do
        check_that "gearadmin --json --counters has $name" grep -q "\"$name\":" <<<"$counters"
    done
}

for kind in ours C; do
    start_server "$kind"
    workers=()
    while_php_works
    while_one_runs
    tool_worker ours kept -- cat
    for unique in a b; do "$GEARMAN" -h 127.0.0.1 -p "$port" -b -u "$unique" -f queued "$unique"; done
    # --workers names each connection by its descriptor, which differs from one call to the next.
    for question in --status --priority-status --server-version --server-verbose --getpid --show-jobs --show-unique-jobs; do
        asked "$question" "$question"
    done
    asked --create-function --create-function made%
    asked --drop-function --drop-function made%
    asked '--drop-function, unknown' --drop-function unknown
    asked '--drop-function, with workers' --drop-function kept
    # Our server counts the jobs that end; at C's only those that wait a while are seen.
    # shellcheck disable=SC2016
    background sh -c 'exec "$0" -h 127.0.0.1 -p "$1" --watch 0.3 >"$2"' "$GEARADMIN" "$port" "$scratch/watched_$kind"
    workers+=("$pid")
    rate=JOBS/S
    [ "$kind" = C ] || rate=DONE/S
    check_that 'gearadmin --watch sees jobs that end' await jobs_are_seen "$scratch/watched_$kind" kept "$rate"
    [ "$kind" = C ] || watched_ours "$scratch/watched_$kind"
    end "${workers[@]}" "$server"
done

# Nobody listens here. (C's gearman says so, and ends with 0 all the same.)
context=''
port=$(free_port)
timeout 10 "$GEARADMIN" -h 127.0.0.1 -p "$port" --status >/dev/null 2>"$scratch/said"
check 'gearadmin without a server: fails and says why' '1 1' "$? $(grep -c . "$scratch/said")"
finish
