#!/usr/bin/env bash
# The durable queue in one file, kept by C gearmand and by ours in turn: what one wrote before it was ended
# or killed, the other runs, in the same order and with the same keys.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/queue.sh
. "$(dirname "$0")/queue.sh"

queue=()
start_on() { # KIND FILE
    queue=(--queue-type libsqlite3 "--libsqlite3-db=$2")
    start_server "$1" "${queue[@]}"
}

for first in C ours; do
    for second in ours C; do
        [ "$first$second" != CC ] || [ "${REFERENCE:-}" ] || continue
        for how in TERM KILL; do
            context="$first, ended by $how, then $second: "
            file=$scratch/$first-$second-$how.db
            start_on "$first" "$file"
            submit "$first" -u low -L 'of low priority'
            submit "$first" -u normal 'a workload'
            submit "$first" -u other 'another'
            submit "$first" -u high -I 'of high priority'
            check 'all are taken' '4 0 0' "$(jobs_of f)"
            kill_by "$how"
            start_on "$second" "$file"
            check 'all come back' '4 0 0' "$(jobs_of f)"
            submit "$second" -u normal 'the same key'
            check 'their keys too' '4 0 0' "$(jobs_of f)"
            run_all 4
            check 'in their order' $'high=of high priority\nnormal=a workload\nother=another\nlow=of low priority' \
                "$(cat "$ran")"
            await jobs_are f '0 0 0'
            end "$server"
            start_on "$first" "$file"
            check 'what has run is gone' '0 0 0' "$(jobs_of f)"
            end "$server"
        done
    done
done

context='ours: '
file=$scratch/keys.db
start_on ours "$file"
for workload in one two; do
    submit ours "$workload"
    submit ours -u - "$workload"
done
kill_by KILL
start_on C "$file"
check 'jobs without a key of their own are as many in C gearmand' '4 0 0' "$(jobs_of f)"
end "$server"

# packets COMMAND [ARGUMENT...] [, COMMAND...]: sent over one connection; the answer to the last of them, NUL as |.
packets() {
    # shellcheck disable=SC2016
    "$PHP" -n -r 'array_shift($argv); $server = fsockopen("127.0.0.1", (int) array_shift($argv)); $packet = [];
        foreach ([...$argv, ","] as $word) {
            if ($word !== ",") { $packet[] = $word; continue; }
            $body = implode("\0", array_slice($packet, 1));
            fwrite($server, "\0REQ" . pack("NN", $packet[0], strlen($body)) . $body); $packet = []; }
        $head = unpack("Nmagic/Ncommand/Nlength", stream_get_contents($server, 12));
        echo str_replace("\0", "|", (string) stream_get_contents($server, $head["length"]));' "$port" "$@"
}
SUBMIT_REDUCE_JOB_BACKGROUND=38 CAN_DO=1 GRAB_JOB_ALL=39

context='a job with a reducer, ours, C, ours: '
file=$scratch/reducer.db
start_on ours "$file"
for key in first second third; do
    packets $SUBMIT_REDUCE_JOB_BACKGROUND f $key join "$key" >>"$log"
done
kill_by KILL
start_on C "$file"
check 'all come back in C gearmand' '3 0 0' "$(jobs_of f)"
run_all 1
check 'and run there' 'first=first' "$(cat "$ran")"
await jobs_are f '2 0 0'
submit C -u first 'of C'
end "$server"
start_on ours "$file"
check 'what is left comes back' '3 0 0' "$(jobs_of f)"
assigned=$(packets $CAN_DO f , $GRAB_JOB_ALL)
check 'with its reducer' 'f|second|join|second' "${assigned#*|}"
run_all 2
await jobs_are f '1 0 0'
assigned=$(packets $CAN_DO f , $GRAB_JOB_ALL)
check 'a job of C gearmand with the same key has none' 'f|first|of C' "${assigned#*|}"
end "$server"

context='a job that waits for its next try and a dead one, ours, C, ours: '
file=$scratch/tried.db
gearadmin() { "$GEARADMIN" -h 127.0.0.1 -p "$port" "$@" >>"$log" 2>&1; }
# fail_one: a worker that runs one job, in vain.
fail_one() { "$GEARMAN" -h 127.0.0.1 -p "$port" -w -c 1 -f f -- false >>"$log" 2>&1; }
start_on ours "$file"
gearadmin --policy f dead-letters=10
submit ours -u dies 'in vain'
fail_one
await jobs_are f '0 0 0'
gearadmin --policy f retries=1 backoff=1s
submit ours -u tried 'once more'
fail_one
await jobs_are f '1 0 0'
kill_by KILL
start_on C "$file"
check 'one comes back in C gearmand' '1 0 0' "$(jobs_of f)"
# C gearmand wakes nobody when a job's time has come: the worker has to ask after that.
is_past() { [ "$(date +%s)" -gt "$1" ]; }
await is_past "$(($(date +%s) + 1))"
run_all 1
check 'and runs there' 'tried=once more' "$(cat "$ran")"
await jobs_are f '0 0 0'
end "$server"
start_on ours "$file"
check 'neither is a job' '0 0 0' "$(jobs_of f)"
check_that 'the dead one can be tried again' gearadmin --retry f
run_all 1
check 'and is what it was' 'dies=in vain' "$(cat "$ran")"
await jobs_are f '0 0 0'
end "$server"
finish
