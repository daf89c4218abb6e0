#!/usr/bin/env bash
# The job server, two PHP workers and a client, and a pair of shell commands, at work together. Built for this alone, so
# that it is there soon: what is in target/release stays as it is.
set -euo pipefail
export PROFILE=demo
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

port=4730 # the programs in examples/article/ name it
out=target/demo/out
started=()
step="starting"

head_line() { step=$1; printf '\n== %s\n' "$1"; }
fail() { printf '\nThe demo failed at "%s": %s\n' "$step" "$*" >&2; exit 1; }

# Kills by pid what this script started, and nothing else; also when interrupted.
# shellcheck disable=SC2317
finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    stop "${started[@]}"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# background LOG COMMAND...: shows and starts it; it ends with the demo.
background() {
    local log=$out/$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    started+=($!)
}
# answer COMMAND...: runs it for 20 seconds at most, its output in $answer. Started beside us and
# waited for, so that an interrupt is heard at once.
answer() {
    "$@" >"$out/answer" 2>"$out/answer.err" <&0 &
    local pid=$!
    started+=("$pid")
    wait_for 20 gone "$pid" || fail "no answer within 20 seconds from: $*"
    wait "$pid" || fail "$* ended with status $?: $(cat "$out/answer" "$out/answer.err")"
    unset 'started[-1]'
    cat "$out/answer.err" >&2
    answer=$(cat "$out/answer")
    printf '%s\n' "$answer"
}

# workers_of FUNCTION: how many there are.
workers_of() {
    "$built"/gearadmin --host 127.0.0.1 --port "$port" --status | awk -F'\t' -v f="$1" '$1 == f { n = $4 } END { print n + 0 }'
}
has_workers() { [ "$(workers_of "$1")" -ge "$2" ]; }
alive() { kill -0 "$1" 2>/dev/null || fail "$2 ended: $(cat "$out/$3")"; }
# server_ready PID: it answers, and it is the one that we started.
server_ready() { alive "$1" gearmand gearmand.out && [ "$(ask "$port" getpid)" = "OK $1" ]; }

scripts/build.sh
mkdir -p "$out"
php=("$PHP" -n -d "extension=$built/libgearman_rs.so")

head_line "The job server"
if speaks_gearman "$port"; then
    echo "Port $port has a Gearman server already ($(ask "$port" version)): using that one."
elif listens "$port"; then
    fail "port $port is taken by something that does not speak Gearman"
else
    echo "\$ gearmand -L 127.0.0.1 -p $port"
    background gearmand.out "$built"/gearmand -L 127.0.0.1 -p "$port" "${server_user[@]}" -l stderr -P "$root/$out/gearmand.pid"
    wait_for 10 server_ready "${started[0]}" || fail "gearmand does not answer: $(cat "$out/gearmand.out")"
    echo "It listens: $(ask "$port" version)"
fi

head_line "Two workers in PHP, from examples/article/worker.php"
before=$(workers_of reverse)
for n in 1 2; do
    echo "\$ php worker.php &"
    background "worker$n.out" "${php[@]}" examples/article/worker.php
done
workers_ready() {
    alive "${started[-2]}" worker.php worker1.out
    alive "${started[-1]}" worker.php worker2.out
    has_workers reverse $((before + 2))
}
wait_for 10 workers_ready || fail "the workers do not register: $(cat "$out"/worker?.out)"
echo "The server knows $(workers_of reverse) workers of 'reverse'."

head_line "A client in PHP, from examples/article/client.php"
echo "\$ php client.php"
answer "${php[@]}" examples/article/client.php
[ "$answer" = '!dlrow olleH' ] || fail "expected !dlrow olleH"

head_line "The same from the command line"
echo "\$ gearman -w -f wc -- wc -l &"
before=$(workers_of wc)
background wc.out "$built"/gearman -h 127.0.0.1 -p "$port" -w -f wc -- wc -l
wc_ready() {
    alive "${started[-1]}" "gearman -w" wc.out
    has_workers wc $((before + 1))
}
wait_for 10 wc_ready || fail "the worker does not register: $(cat "$out/wc.out")"
echo "\$ gearman -f wc < /etc/passwd"
answer "$built"/gearman -h 127.0.0.1 -p "$port" -f wc </etc/passwd
[ "$answer" = "$(wc -l </etc/passwd)" ] || fail "expected $(wc -l </etc/passwd)"

head_line "What the server says (function, jobs, running, workers)"
echo "\$ gearadmin --status"
answer "$built"/gearadmin --host 127.0.0.1 --port "$port" --status

printf '\nAll of it worked. Stopping what was started here.\n'
