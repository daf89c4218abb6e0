#!/usr/bin/env bash
# A worker that is killed in the middle of a job: another one does it, and the client never knows.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

mkfifo "$scratch/never"
runs() { [ "$(jobs_of slow | cut -d' ' -f2)" = "$1" ]; }

# A worker that hangs in its job, and one that does it.
start_worker() { # KIND hang|finish
    case $1/$2 in
    C/hang) background "$C_GEARMAN" -h 127.0.0.1 -p "$port" -w -f slow -- sh -c "exec cat '$scratch/never'" ;;
    C/finish) background "$C_GEARMAN" -h 127.0.0.1 -p "$port" -w -f slow -- echo done ;;
    ours/hang) background php_with ours -r '$w = new GearmanWorker; $w->addServer("127.0.0.1", '"$port"');
        $w->addFunction("slow", fn($job) => fopen("'"$scratch/never"'", "r")); $w->work();' ;;
    ours/finish) background php_with ours -r '$w = new GearmanWorker; $w->addServer("127.0.0.1", '"$port"');
        $w->addFunction("slow", fn($job) => "done\n"); while ($w->work());' ;;
    esac
}

for kind in ours C; do
    for hangs in ours C; do
        for finishes in ours C; do
            if [ "$kind$hangs$finishes" = CCC ] && [ -z "${REFERENCE:-}" ]; then continue; fi
            context="$kind server: "
            start_server "$kind"
            start_worker "$hangs" hang
            victim=$pid
            await has_workers slow 1 || fail 'the first worker comes'
            (timeout 30 "$GEARMAN" -h 127.0.0.1 -p "$port" -f slow x >"$scratch/result" 2>>"$log") &
            client=$!
            await runs 1 || fail 'the job begins'
            start_worker "$finishes" finish
            second=$pid
            await has_workers slow 2 || fail 'the second worker comes'
            kill -9 "$victim"
            wait "$victim" 2>/dev/null
            wait "$client"
            check "a job of a killed worker ($hangs) is done by another ($finishes)" done "$(cat "$scratch/result")"
            end "$victim" "$second" "$server"
        done
    done
done
finish
