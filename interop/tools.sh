#!/usr/bin/env bash
# The command line tools and the job server, each ours or C's, in all combinations.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

head -c 1000000 /dev/urandom >"$scratch/payload"
printf '\0\0\n\0' >>"$scratch/payload"

# worker KIND FUNCTION COMMAND...: starts a worker tool and waits until the server knows it.
worker() {
    local kind=$1 function=$2
    shift 2
    background "$(tool "$kind")" -h 127.0.0.1 -p "$port" -w -f "$function" -- "$@"
    workers+=("$pid")
    await has_workers "$function" 1 || fail "$function has a worker"
}

# tools SERVER WORKER CLIENT
tools() {
    local w=$2 p="$2_$3" workers=() out copy="$scratch/$1_$2_$3"
    local client=(timeout 30 "$(tool "$3")" -h 127.0.0.1 -p "$port")
    context="$1 server, $2 worker, $3 client: "

    worker "$w" "${p}_wc" wc -l
    check 'wc -l' "$(wc -l </etc/passwd)" "$("${client[@]}" -f "${p}_wc" </etc/passwd)"

    # Read to its end before a byte is written: C's worker writes all of the data first, and would
    # block where the command does not read it.
    # shellcheck disable=SC2016
    worker "$w" "${p}_copy" sh -c 'cat >"$0" && cat "$0"' "$copy"
    "${client[@]}" -f "${p}_copy" <"$scratch/payload" >"$copy.result"
    check_that '1 MB with NUL bytes' cmp -s "$scratch/payload" "$copy.result"

    worker "$w" "${p}_cat" cat
    check 'several data arguments' onetwothree "$("${client[@]}" -f "${p}_cat" one two three)"
    check 'one job a line' $'a\nb' "$(printf 'a\nb\n' | "${client[@]}" -n -f "${p}_cat")"
    check 'no data' 0 "$("${client[@]}" -s -f "${p}_wc")"

    worker "$w" "${p}_false" false
    "${client[@]}" -f "${p}_false" x >/dev/null 2>&1
    check 'a command that fails' 1 $?

    # Without a worker: queued, in the order of priorities, one for a unique key.
    out=$("${client[@]}" -b -L -f "${p}_log" low
        "${client[@]}" -b -f "${p}_log" normal
        "${client[@]}" -b -I -f "${p}_log" high
        "${client[@]}" -b -u "$p" -f "${p}_log" unique
        "${client[@]}" -b -u "$p" -f "${p}_log" unique)
    check 'background prints nothing' '' "$out"
    check 'a unique key is queued once' '4 0 0' "$(jobs_of "${p}_log")"
    # shellcheck disable=SC2016
    worker "$w" "${p}_log" sh -c 'cat >>"$0"; echo >>"$0"' "$copy.order"
    await jobs_are "${p}_log" '0 0 1'
    check priorities 'high normal unique low' "$(tr '\n' ' ' <"$copy.order" | sed 's/ $//')"

    end "${workers[@]}"
    context=''
}

# asked NAME ARGUMENT...: both gearadmins print the same and end the same. % in an argument is another word for each.
asked() {
    local name=$1 program out=()
    shift
    for program in "$C_GEARADMIN" "$GEARADMIN"; do
        out+=("$(timeout 10 "$program" -h 127.0.0.1 -p "$port" "${@//%/${#out[@]}}" 2>&1; echo "status $?")")
    done
    check "gearadmin $name" "${out[@]}"
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
    local ours=(-h 127.0.0.1 -p "$port")
    check_that 'gearadmin --watch: nobody can run them' await is_shown "$1" queued STATE no-worker
    "$GEARADMIN" "${ours[@]}" --policy dies retries=0 dead-letters=10,1d >/dev/null
    "$GEARADMIN" "${ours[@]}" --policy rests paused=yes >/dev/null
    worker ours dies false
    worker ours rests cat
    "$GEARMAN" "${ours[@]}" -b -s -f dies
    "$GEARMAN" "${ours[@]}" -b -s -f rests
    check_that 'gearadmin --watch: new dead letters' await is_shown "$1" dies STATE new-dead
    check_that 'gearadmin --watch: how many' await is_shown "$1" dies DEAD 1
    check_that 'gearadmin --watch: paused' await is_shown "$1" rests STATE paused
    check_that 'gearadmin --watch: the oldest' await is_shown "$1" rests OLDEST '[0-9.]+m?s'
    check_that 'gearadmin --watch: the server' await grep -q '^gearmand .* 1 dead letter,' "$1"
    out=$("$GEARADMIN" "${ours[@]}" --json --counters)
    for name in dead_letters oldest_us paused; do
        check_that "gearadmin --json --counters has $name" grep -q "\"$name\":" <<<"$out"
    done
}

for kind in ours C; do
    start_server "$kind"
    for w in ours C; do
        for c in ours C; do tools "$kind" "$w" "$c"; done
    done
    context="$kind server: "
    workers=()
    worker ours kept cat
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
finish
