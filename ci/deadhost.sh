#!/usr/bin/env bash
# A host that vanishes without a word. Our server is here and PHP's clients and workers on another host, at the other end of a cable;
# then what is sent over the cable reaches nobody. Each side must notice within its own bound, two minutes at most, whether it waits
# or has sent something. Takes three minutes, as part of `make stress`.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/../interop/lib.sh"
# shellcheck source=ci/cable.sh
. ci/cable.sh

# What each side may need beyond its bound on a busy machine.
slack=15

# start HOST NAME [OPTION...] -- ROLE [NAME]: a program of deadhost.php here or there; it writes to the file NAME.
start() {
    local host=$1 file=$scratch/$2 options=() enter=()
    shift 2
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    if [ "$host" = there ]; then enter=(nsenter -t "$away" -n); fi
    background "${enter[@]}" "$PHP" -n -d "extension=$MODULE" -d display_errors=stderr "${options[@]}" \
        "$root/ci/deadhost.php" "$2" "$here" "$port" "$file" "${3:-$scratch/cut}"
}
# submit NAME WORKLOAD [TIMES]: the workload is repeated so often.
submit() {
    # shellcheck disable=SC2016
    (php_with ours -r '$client = new GearmanClient; $client->addServer("127.0.0.1", (int) $argv[1]);
        $client->doBackground($argv[2], str_repeat($argv[3], (int) $argv[4])) !== "" || exit(1);' \
        "$port" "$1" "$2" "${3:-1}") || fail "a job of $1 is submitted"
}
says() { [ -f "$scratch/$1" ] && grep -q "$2" "$scratch/$1"; }
has_jobs() { [ "$(grep -c ' job ' "$scratch/$1")" -ge "$2" ]; }

# noticed NAME FILE PATTERN BOUND: the file says so, and not much later than so many seconds after the cut.
noticed() {
    local rest=$((cut + $4 + slack - $(date +%s))) after
    if wait_for $((rest > 0 ? rest : 1)) says "$2" "$3"; then
        after=$(($(sed -n "0,/$3/{/$3/s/ .*//p}" "$scratch/$2") - cut))
        check_that "$1 (after $after s)" test "$after" -le $(($4 + slack))
    else
        fail "$1" "not within $4 s and some: $(cat "$scratch/$2" 2>&1)"
    fi
}

# A server that is stopped while the cable is cut, and its clients.
start_server ours -L "$here"
stopped=$server stopped_port=$port
start here stopped.wait -- wait
start here stopped.flood -- flood
for client in wait flood; do await says "stopped.$client" connected || fail "the client comes: $client"; done
await jobs_are nobody_wait '1 0 0' || fail 'the client waits for its job'

start_server ours -L "$here"
# Jobs of a megabyte that wait behind one of 20 seconds.
for ((n = 0; n < 30; n++)); do submit ahead x 1000000; done
start here ahead -d gearman.prefetch=30 -- slow ahead

start there wait -- wait
start there send -- send
start there idle -- work idle
start there held -- hold held
start there held_classic -d gearman.direct_assignment=0 -- hold held_classic
start there asleep -- work asleep
for function in idle held held_classic asleep; do
    await has_workers "$function" 1 || fail "the worker of $function comes"
done
for client in wait send; do await says "$client" connected || fail "the client comes: $client"; done
await jobs_are nobody_wait '1 0 0' || fail 'the client waits for its job'
for function in held held_classic; do
    submit "$function" x
    await says "$function" 'job x' || fail "the job of $function begins"
    start here "$function.second" -- work "$function"
    await has_workers "$function" 2 || fail "the second worker of $function comes"
done
submit idle before
await says idle 'job before' || fail 'the idle worker did a job'

kill -STOP "$stopped"
cut_cable
submit asleep x
await jobs_are asleep '1 1 1' || fail 'the server gives a job to a sleeping worker that has vanished'
start here asleep.second -- work asleep
# The file says who has the answer; the bound is that of whoever gives up.
noticed 'the server gives a job that never arrived to another worker' asleep.second 'job x' 10
check_that 'a worker that holds 30 MB of jobs in advance while it is busy' wait_for 40 has_jobs ahead 30
check 'gets each once and no error' 'job xxxxxxxxxx' "$(sed 's/[^ ]* //' "$scratch/ahead" | uniq)"
check 'and no more' 30 "$(wc -l <"$scratch/ahead")"
noticed 'the server gives a job whose worker has vanished to another one' held.second 'job x' 75
noticed 'and one of a worker without direct assignment' held_classic.second 'job x' 120
lost="14 .*lost connection to $here:$port: Connection timed out"
noticed 'a client that waits hears of the lost connection' wait "$lost" 120
noticed 'and one that has sent its request into the void' send "$lost" 120
check_that 'the server drops the job of a client that has vanished' wait_for "$slack" jobs_are nobody_wait '0 0 0'
noticed 'an idle worker gives its connection up' idle "26 .*$here:$port" 125

mend_cable
submit idle after
check_that 'and is there again when the cable is' await says idle 'job after'

# Its system answers for it, and takes what it has room for.
port=$stopped_port
noticed 'a client that has more to send than a stopped server takes gives it up' stopped.flood \
    "14 .*lost connection to $here:$port: " 120
kill -CONT "$stopped"
start here stopped.work -- work nobody_wait
check_that 'one that only waits gets its result when the server goes on' await says stopped.wait '0 $'
finish
