#!/usr/bin/env bash
# Killed in the middle of a job: `gearman -w` and pecl's worker as victims, clients of every kind waiting.
# The job is done by another worker, and the client gets that one's result.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# victim KIND: a worker that begins a job and never ends it, and with it whatever it started.
victim() {
    # The command lasts as long as the worker, so that none is left behind.
    # shellcheck disable=SC2016
    case $1 in
    C | ours) background "$(tool "$1")" -h 127.0.0.1 -p "$port" -w -f slow -- sh -c 'exec tail -f /dev/null --pid=$PPID' ;;
    pecl | module)
        background php_with "${1/module/ours}" -r '$worker = new GearmanWorker(); $worker->addServer("127.0.0.1", (int) $argv[1]);
            $worker->addFunction("slow", function () { while (true) sleep(60); }); $worker->work();' "$port"
        ;;
    esac
}

# client KIND: replaces the shell, as php_with does.
client() {
    case $1 in
    C | ours) exec timeout 30 "$(tool "$1")" -h 127.0.0.1 -p "$port" -f slow x ;;
    pecl | module)
        # shellcheck disable=SC2016
        php_with "${1/module/ours}" -r '$client = new GearmanClient(); $client->addServer("127.0.0.1", (int) $argv[1]);
            $client->setTimeout(30_000); echo $client->doNormal("slow", "x");' "$port"
        ;;
    esac
}

for kind in ours C; do
    start_server "$kind"
    for killed in C ours pecl module; do
        for waits in C ours pecl module; do
            case $kind-$killed-$waits in
            C-C-C | C-C-pecl | C-pecl-C | C-pecl-pecl) [ "${REFERENCE:-}" ] || continue ;;
            esac
            context="$kind server: "
            victim "$killed"
            first=$pid
            await has_workers slow 1 || fail 'the first worker comes'
            (client "$waits") >"$scratch/result" 2>>"$log" </dev/null &
            waiting=$!
            children+=("$waiting")
            await jobs_are slow '1 1 1' || fail 'the job begins'
            background "$GEARMAN" -h 127.0.0.1 -p "$port" -w -f slow -- echo result of another
            second=$pid
            await jobs_are slow '1 1 2' || fail 'the second worker comes'
            kill -KILL "$first"
            { wait "$first"; } 2>/dev/null
            wait "$waiting"
            check "$killed worker killed, $waits client waits" 'result of another' "$(cat "$scratch/result")"
            end "$first" "$second" "$waiting"
            await jobs_are slow '0 0 0' || fail 'nothing is left'
        done
    done
    end "$server"
done
finish
