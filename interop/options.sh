#!/usr/bin/env bash
# The command line tools' options, each tool ours or C's, as worker and as client, on both servers.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# options SERVER WORKER CLIENT
options() {
    local f="$2_$3" workers=() files="$scratch/$1_$2_$3" one two limited again kind=$2
    local client=(timeout 30 "$(tool "$3")" -h 127.0.0.1 -p "$port")
    context="$1 server, $2 worker, $3 client: "

    # Writes what it got, and a line for each job into a file.
    # shellcheck disable=SC2016
    local noting=(sh -c 'echo >>"$0" && cat' "$files.jobs")
    tool_worker "$kind" "${f}_cat" -f "${f}_twin" -- "${noting[@]}"
    check 'high priority' text "$("${client[@]}" -I -f "${f}_cat" text)"
    check 'low priority' text "$("${client[@]}" -L -f "${f}_cat" text)"
    check 'key given' text "$("${client[@]}" -u "$f key" -f "${f}_cat" text)"
    check 'the key -' text "$("${client[@]}" -u - -f "${f}_cat" text)"
    check 'prefix' "${f}_cat: text" "$("${client[@]}" -P -f "${f}_cat" text)"
    check 'two functions' texttext "$("${client[@]}" -f "${f}_cat" -f "${f}_twin" text)"
    : >"$files.jobs"
    check '-N client: a job each line, without line ends' ab "$(printf 'a\nb\n' | "${client[@]}" -N -f "${f}_cat")"
    check '-N client: jobs' 2 "$(wc -l <"$files.jobs")"
    : >"$files.jobs"
    "${client[@]}" -b -n -f "${f}_cat" < <(printf 'a\nb\nc\n')
    await lines_in "$files.jobs" 3
    check '-b -n client: jobs' 3 "$(wc -l <"$files.jobs")"
    check 'servers from GEARMAN_SERVER' text \
        "$(GEARMAN_SERVER=127.0.0.1:$port timeout 30 "$(tool "$3")" -f "${f}_cat" text)"
    check '-i: pid file goes at the end' "text gone" \
        "$("${client[@]}" -i "$files.pid" -f "${f}_cat" text) $([ -e "$files.pid" ] || echo gone)"
    check '-v -b shows the handle' 1 "$("${client[@]}" -v -b -f "${f}_cat" text | grep -cE '^Task created: H:.+:[0-9]+$')"

    # Output of a worker line by line, and of one that has failed after some output. C's worker sends
    # all of the output once more, with its line ends, from the second line on.
    tool_worker "$kind" "${f}_n" -n -- printf 'x\ny\n'
    if [ "$kind" = C ]; then again=$'x\nx\ny'; else again=$'x\ny'; fi
    check '-n worker' "$again" "$("${client[@]}" -f "${f}_n" x)"
    tool_worker "$kind" "${f}_N" -N -- printf 'x\ny\n'
    if [ "$kind" = C ]; then again=$'xx\ny'; else again=xy; fi
    check '-N worker' "$again" "$("${client[@]}" -f "${f}_N" x)"
    tool_worker "$kind" "${f}_bad" -n -- sh -c 'echo before; exit 3'
    "${client[@]}" -f "${f}_bad" x >"$files.bad" 2>"$files.said"
    check 'a command that fails: status, output and message' '1 before Job failed' "$? $(cat "$files.bad") $(cat "$files.said")"

    # Only so many jobs.
    tool_worker "$kind" "${f}_c" -c 2 -- cat
    limited=$pid
    check '-c 2 worker: two jobs' onetwo "$("${client[@]}" -f "${f}_c" one two)"
    await gone "$limited" && wait "$limited"
    check '-c 2 worker: ends by itself' 0 $?
    check_that '-c 2 worker: is gone' await jobs_are "${f}_c" '0 0 0' # once the server has seen its connection end

    # Nobody works on it.
    "${client[@]}" -t 100 -f "${f}_nobody" x >/dev/null 2>"$files.said"
    check '-t: gives up, and says so' 1 "$(grep -ci 'time' "$files.said")"

    # Two clients wait for one job: begun only when both are known to wait.
    (exec "${client[@]}" -u "$f shared" -f "${f}_once" x >"$files.one") &
    one=$!
    (exec "${client[@]}" -u "$f shared" -f "${f}_once" y >"$files.two") &
    two=$!
    check 'two clients with one key: both wait' '' "$("$PHP" -n interop/waiting.php "$port" "$f shared" 2)"
    # shellcheck disable=SC2016
    tool_worker "$kind" "${f}_once" -- sh -c 'echo >>"$0"; echo result' "$files.once"
    wait "$one" "$two"
    check 'two clients with one key: results' 'result result' "$(cat "$files.one") $(cat "$files.two")"
    check 'two clients with one key: one job' 1 "$(wc -l <"$files.once")"

    end "${workers[@]}"
}

for kind in ours C; do
    start_server "$kind"
    for w in ours C; do
        for c in ours C; do
            if [ "$kind$w$c" = CCC ] && [ -z "${REFERENCE:-}" ]; then continue; fi
            options "$kind" "$w" "$c"
        done
    done
    end "$server"
done

# Nobody listens here. (C's gearman says so, and ends with 0 all the same.)
context=''
port=$(free_port)
timeout 10 "$GEARMAN" -h 127.0.0.1 -p "$port" -f f x >/dev/null 2>"$scratch/said"
check 'gearman without a server: fails and says why' '1 1' "$? $(grep -c . "$scratch/said")"
finish
