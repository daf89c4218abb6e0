#!/usr/bin/env bash
# The programs and commands of a well-known article, unchanged, on our server and on C's. They have port
# 4730 written into them, so this runs in a network namespace of its own, where that port is free.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -z "${IN_NAMESPACE:-}" ]; then
    if ! unshare -n ip link set lo up 2>/dev/null; then
        skip 'a network namespace cannot be had here (unshare -n wants root)'
        finish
    fi
    rm -rf "$scratch"
    IN_NAMESPACE=1 exec unshare -n bash -c 'ip link set lo up && exec "$0"' "$root/interop/$(basename "$0")"
fi

port=4730
article=$root/examples/article
ours_is_up() { [ "$(ask 4730 getpid)" = "OK $1" ]; }

# article SERVER
article() {
    context="$1 server: "
    local first second
    background php_with ours "$article/worker.php"
    first=$pid
    background php_with ours "$article/worker.php"
    second=$pid
    await has_workers reverse 2 || fail 'two workers come'
    check 'client.php' '!dlrow olleH' "$(php_with ours "$article/client.php")"
    background "$GEARMAN" -w -f wc -- wc -l
    await has_workers wc 1 || fail 'the wc worker comes'
    check 'gearman -f wc < /etc/passwd' "$(wc -l </etc/passwd)" "$("$GEARMAN" -f wc </etc/passwd)"
    end "$first" "$second" "$pid"
}

background "$C_GEARMAND" -L 127.0.0.1 -l "$scratch/c.log" -P "$scratch/c.pid" "${server_user[@]}"
server=$pid
await ours_is_up "$server" || fail 'the C server starts'
article C
end "$server"

# As the article starts it: in the background, which the command itself goes into.
context='gearmand -d: '
"$GEARMAND" -d -u root -L 127.0.0.1 -P "$scratch/ours.pid" -l "$scratch/ours.log"
check 'ends well' 0 $?
await exists "$scratch/ours.pid"
server=$(cat "$scratch/ours.pid")
children+=("$server")
await ours_is_up "$server" || fail 'answers'
article ours

# Several copies with different results: each gets its part of the requests. How large, the machine decides: who is not given a
# processor in time is passed over.
context='three workers: '
workers=()
for n in 1 2 3; do
    sed "s/strrev(\$job->workload())/'$n'/" "$article/worker.php" >"$scratch/worker$n.php"
    background php_with ours "$scratch/worker$n.php"
    workers+=("$pid")
done
await has_workers reverse 3 || fail 'three workers come'
(php_with ours -r '$client = new GearmanClient; $client->addServer("127.0.0.1", 4730);
    for ($i = 0; $i < 300; $i++) { echo $client->do("reverse", "x"), "\n"; }') >"$scratch/answers"
check '300 answers' 300 "$(grep -c '^[123]$' "$scratch/answers")"
for n in 1 2 3; do
    count=$(grep -c "^$n\$" "$scratch/answers")
    check_that "worker $n got at least 20 of 300 requests: $count" test "$count" -ge 20
done
end "${workers[@]}"

context='gearmand -d: '
kill "$server"
gone_or_defunct() { ! kill -0 "$server" 2>/dev/null; }
check_that 'SIGTERM ends it' await gone_or_defunct
check_that 'and its pid file goes' test ! -e "$scratch/ours.pid"
finish
