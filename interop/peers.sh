#!/usr/bin/env bash
# Clients at one server and workers at another: what a client in PHP can ask of a worker in PHP, while our server works for the C
# server and for ours (--peer). To those it is a worker like all others.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# counted SERVER'S_PORT FUNCTION: its jobs, running ones and workers there.
counted() { port=$1 jobs_of "$2"; }
counted_are() { [ "$(counted "$1" "$2")" = "$3" ]; }

for kind in C ours; do
    context="$kind server: "
    start_server "$kind"
    here=$port here_server=$server
    start_server ours --peer "127.0.0.1:$here"
    there=$port there_server=$server
    for worker in ours pecl; do
        background php_with "$worker" interop/worker.php "$there" interop-worker
        workers=("$pid")
        background php_with "$worker" interop/shout.php "$there"
        workers+=("$pid")
        await has_workers echo 1 || fail 'the worker comes'
        await has_workers shout 1 || fail 'the second worker comes'
        for client in ours pecl; do
            context="$kind server, $worker worker at ours, $client client: "
            mkdir "$scratch/$kind-$worker-$client"
            add_up php_with "$client" interop/client.php "$here" "$scratch/$kind-$worker-$client"
        done
        end_workers "${workers[@]}"
    done

    context="$kind server, tools: "
    port=$there
    for worker in C ours; do
        background "$(tool "$worker")" -w -h 127.0.0.1 -p "$there" -f shell -- cat
        await has_workers shell 1 || fail 'the worker comes'
        for client in C ours; do
            got=$(printf 'some text' | timeout 20 "$(tool "$client")" -h 127.0.0.1 -p "$here" -f shell)
            check "$worker worker, $client client" 'some text' "$got"
        done
        end "$pid"
        check_that 'without a worker there is none for the other server' await counted_are "$here" shell '0 0 0'
    done

    # The worker dies in the middle: the job's own server has it again, and its own worker runs it.
    context="$kind server: "
    background "$(tool ours)" -w -h 127.0.0.1 -p "$there" -f dies -- sleep 600
    dies=$pid
    await has_workers dies 1 || fail 'the worker comes'
    timeout 30 "$GEARMAN" -h 127.0.0.1 -p "$here" -f dies x >"$scratch/dies" 2>>"$log" &
    client=$!
    children+=("$client")
    check_that 'it runs there' await counted_are "$here" dies '1 1 1'
    kill -KILL "$dies"
    wait "$dies" 2>/dev/null # or bash tells of its end
    background "$(tool ours)" -w -h 127.0.0.1 -p "$here" -f dies -- echo lives
    wait "$client"
    check 'a job whose worker dies comes back' lives "$(cat "$scratch/dies")"
    check_that 'both still run at the end' kill -0 "$here_server" "$there_server"
    end "$there_server" "$here_server"
done
finish
