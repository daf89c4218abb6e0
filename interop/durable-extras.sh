#!/usr/bin/env bash
# What only a few jobs of a durable queue have, a reducer or tries: it is kept while C gearmand, which knows of neither, has the queue
# between two of ours.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/queue.sh
. "$(dirname "$0")/queue.sh"

# packets COMMAND [ARGUMENT...] [, COMMAND...]: the arguments of the answer to the last of them, NUL as |.
packets() { "$PHP" -n interop/packets.php "$port" "$@"; }

context='a job with a reducer, ours, C, ours: '
file=$scratch/reducer.db
start_on ours "$file"
for key in first second third; do
    packets SUBMIT_REDUCE_JOB_BACKGROUND f $key join "$key" >>"$log"
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
assigned=$(packets CAN_DO f , GRAB_JOB_ALL)
check 'with its reducer' 'f|second|join|second' "${assigned#*|}"
run_all 2
await jobs_are f '1 0 0'
assigned=$(packets CAN_DO f , GRAB_JOB_ALL)
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
