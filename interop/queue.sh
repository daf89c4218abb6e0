# shellcheck shell=bash
# What scripts about durable queues share: jobs are submitted, and run after a server's end. To be sourced after lib.sh.

start_on() { # KIND FILE: a server with its queue in this file
    start_server "$1" --queue-type libsqlite3 "--libsqlite3-db=$2"
}

kill_by() { # SIGNAL
    kill "-$1" "$server"
    wait "$server" 2>/dev/null # or bash tells of its end
}

# submit KIND ARGUMENTS...: in the background, by its tool.
submit() {
    local kind=$1
    shift
    "$(tool "$kind")" -h 127.0.0.1 -p "$port" -b -f f "$@" >>"$log" 2>&1
}

# run_all N: runs N jobs one after the other, and notes what each was in a file: ran.
run_all() {
    # Not named by the port: a later server may get the same one.
    ran=$(mktemp "$scratch/ran-XXXXXX")
    # shellcheck disable=SC2016
    timeout 30 "$PHP" -n -d "extension=$MODULE" -r '$worker = new GearmanWorker(); $worker->addServer("127.0.0.1", (int) $argv[1]);
        $worker->addFunction("f", function ($job) use ($argv) {
            file_put_contents($argv[2], $job->unique() . "=" . $job->workload() . "\n", FILE_APPEND); });
        for ($i = 0; $i < $argv[3]; $i++) $worker->work();' "$port" "$ran" "$1"
}
