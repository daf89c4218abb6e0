#!/usr/bin/env bash
# The command line tools' options, each tool ours or C's, as worker and as client, on both servers; and
# what both tools show of a worker that sends everything a worker can send.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# worker KIND FUNCTION ARGUMENT...: starts a worker tool and waits until the server knows it.
worker() {
    local kind=$1 function=$2
    shift 2
    background "$(tool "$kind")" -h 127.0.0.1 -p "$port" -w -f "$function" "$@"
    workers+=("$pid")
    await has_workers "$function" 1 || fail "$function has a worker"
}
ended() { ! kill -0 "$1" 2>/dev/null; }

# ended_with PID: its exit status, once it has ended by itself.
ended_with() {
    await ended "$1" || { echo 'still running'; return; }
    wait "$1"
    echo $?
}

# options SERVER WORKER CLIENT
options() {
    local f="$2_$3" workers=() files="$scratch/$1_$2_$3" go one two status kind=$2
    local client=(timeout 30 "$(tool "$3")" -h 127.0.0.1 -p "$port")
    context="$1 server, $2 worker, $3 client: "

    # Writes what it got, and a line for each job into a file.
    # shellcheck disable=SC2016
    local noting=(sh -c 'echo >>"$0" && cat' "$files.jobs")
    worker "$kind" "${f}_cat" -f "${f}_twin" -- "${noting[@]}"
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

    # Output of a worker line by line, and of one that has failed after some output.
    worker "$kind" "${f}_n" -n -- printf 'x\ny\n'
    check '-n worker' $'x\ny' "$("${client[@]}" -f "${f}_n" x)"
    worker "$kind" "${f}_N" -N -- printf 'x\ny\n'
    check '-N worker' xy "$("${client[@]}" -f "${f}_N" x)"
    worker "$kind" "${f}_bad" -n -- sh -c 'echo before; exit 3'
    "${client[@]}" -f "${f}_bad" x >"$files.bad" 2>"$files.said"
    check 'a command that fails: status, output and message' '1 before Job failed' "$? $(cat "$files.bad") $(cat "$files.said")"

    # Only so many jobs.
    worker "$kind" "${f}_c" -c 2 -- cat
    status=$pid
    check '-c 2 worker: two jobs' onetwo "$("${client[@]}" -f "${f}_c" one two)"
    check '-c 2 worker: ends' 0 "$(ended_with "$status")"
    check '-c 2 worker: is gone' '0 0 0' "$(jobs_of "${f}_c")"

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
    worker "$kind" "${f}_once" -- sh -c 'echo >>"$0"; echo result' "$files.once"
    wait "$one" "$two"
    check 'two clients with one key: results' 'result result' "$(cat "$files.one") $(cat "$files.two")"
    check 'two clients with one key: one job' 1 "$(wc -l <"$files.once")"

    end "${workers[@]}"
}

# Both clients show the same of a PHP worker's job, and end the same.
shown_alike() { # FUNCTION DATA
    local kind out=()
    for kind in C ours; do
        out+=("$(timeout 30 "$(tool "$kind")" -h 127.0.0.1 -p "$port" -f "$1" "$2" 2>&1 | tr '\0' 0
            echo "status ${PIPESTATUS[0]}")")
    done
    check "what gearman shows of '$1'" "${out[@]}"
}

# The list of connections by its parts: with the asking one's line told from the others', and without
# the descriptors, of which each asking takes a new one.
connections() { timeout 10 "$1" -h 127.0.0.1 -p "$port" --workers | sed -E 's/^[0-9]+ /FD /'; }

for kind in ours C; do
    start_server "$kind"
    for w in ours C; do
        for c in ours C; do
            if [ "$kind$w$c" = CCC ] && [ -z "${REFERENCE:-}" ]; then continue; fi
            options "$kind" "$w" "$c"
        done
    done
    for php in ours pecl; do
        background php_with "$php" interop/worker.php "$port" "$php-worker"
        worker=$pid
        await has_workers story 1 || fail 'the PHP worker comes'
        context="$kind server, worker in PHP ($php): "
        for function in echo story fail return_fail raise throw; do shown_alike "$function" text; done
        head -c 1000000 /dev/urandom >"$scratch/large"
        printf '\0\n\0' >>"$scratch/large"
        for c in ours C; do
            timeout 30 "$(tool "$c")" -h 127.0.0.1 -p "$port" -f echo <"$scratch/large" >"$scratch/large.back"
            check_that "1 MB with NUL bytes, $c tool" cmp -s "$scratch/large" "$scratch/large.back"
        done
        check 'gearadmin --workers' "$(connections "$C_GEARADMIN")" "$(connections "$GEARADMIN")"
        end "$worker"
    done

    # A running job beside queued ones, as both tools list it.
    context="$kind server: "
    mkfifo "$scratch/$kind.hold"
    # shellcheck disable=SC2016
    background "$C_GEARMAN" -h 127.0.0.1 -p "$port" -w -f held -- sh -c 'read -r line <"$0"; echo' "$scratch/$kind.hold"
    worker=$pid
    await has_workers held 1 || fail 'held has a worker'
    for priority in -I -L -b; do "$GEARMAN" -h 127.0.0.1 -p "$port" -b $priority -u "held $priority" -f held x; done
    await jobs_are held '3 1 1' || fail 'a job runs and two wait'
    for question in --status --priority-status --show-jobs --show-unique-jobs; do
        check "gearadmin $question, with a running job" \
            "$(timeout 10 "$C_GEARADMIN" -h 127.0.0.1 -p "$port" "$question" 2>&1; echo "status $?")" \
            "$(timeout 10 "$GEARADMIN" -h 127.0.0.1 -p "$port" "$question" 2>&1; echo "status $?")"
    done
    check 'total, running and workers' '3 1 1' "$(jobs_of held)"
    check 'queued by priority' $'held\t0\t1\t1\t1' "$(admin prioritystatus | grep ^held)"
    check 'keys' 'held -I,held -L,held -b,' "$(admin 'show unique jobs' | grep -o 'held -.$' | sort | tr '\n' ,)"
    # A job in the running command and the ones after it: each reads a line.
    printf '\n\n\n' >"$scratch/$kind.hold" &
    writer=$!
    end "$worker"
    kill "$writer" 2>/dev/null
    wait "$writer" 2>/dev/null
    end "$server"
done

# What the tools say where nobody listens.
context=''
port=$(free_port)
for program in "$C_GEARADMIN" "$GEARADMIN"; do
    timeout 10 "$program" -h 127.0.0.1 -p "$port" --status >/dev/null 2>"$scratch/said"
    check "$(basename "$(dirname "$program")")/gearadmin without a server: fails and says why" "1 1" "$? $(grep -c . "$scratch/said")"
done
for kind in ours C; do
    timeout 10 "$(tool "$kind")" -h 127.0.0.1 -p "$port" -f f x >/dev/null 2>"$scratch/said"
    check "$kind gearman without a server: fails and says why" "1 1" "$? $(grep -c . "$scratch/said")"
done
finish
