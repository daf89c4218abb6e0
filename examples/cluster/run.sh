#!/usr/bin/env bash
# Three job servers that share a queue in PostgreSQL, on loopback: one of them is killed while it has jobs, and none is lost.
# README.md says what it takes. All of it is in a temporary folder, and gone at the end.
#
#   GEARMAND      the server (target/release/gearmand)
#   PHP           php with the extension gearman, and its arguments ("php -d extension=target/release/gearman_rs.so")
#   POSTGRES_BIN  the folder of initdb and postgres (the newest in /usr/lib/postgresql)
#   JOBS          how many jobs (600)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
gearmand=${GEARMAND:-$root/target/release/gearmand}
read -ra php <<<"${PHP:-php -d extension=$root/target/release/gearman_rs.so}"
postgres=${POSTGRES_BIN:-$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)}
jobs=${JOBS:-600}

folder=$(mktemp -d)
started=()
end() {
    trap - EXIT
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
    printf '%s\n' "$*" >&2
    exit 1
}
[ -x "$postgres/initdb" ] || die "There is no PostgreSQL: POSTGRES_BIN names the folder of initdb and postgres"
[ -x "$gearmand" ] || die "There is no $gearmand: make build, or GEARMAND names it"

# background LOG COMMAND...: starts it; it ends with this script.
background() {
    local log=$folder/$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    started+=($!)
}
# await SECONDS WHAT COMMAND...: until it succeeds.
await() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || die "waited in vain: $what: $(cat "$folder"/*.log)"
        sleep 0.1
    done
}

# PostgreSQL does not run as root.
as_user=()
if [ "$(id -u)" = 0 ]; then
    as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    chmod 755 "$folder"
    mkdir "$folder/db" && chown nobody "$folder/db"
else
    mkdir "$folder/db"
fi
echo '== PostgreSQL'
(cd / && "${as_user[@]}" "$postgres/initdb" -D "$folder/db/data" -U gearmand -A trust -N) >"$folder/initdb.log" 2>&1 ||
    die "$(cat "$folder/initdb.log")"
cd "$folder"
background postgres.log "${as_user[@]}" "$postgres/postgres" -D "$folder/db/data" -c listen_addresses= -k "$folder/db"
await 30 'PostgreSQL starts' grep -qs ready "$folder/db/data/postmaster.pid"

echo '== three servers'
servers=() pids=()
listens() { grep -q 'listening on' "$folder/$1.log"; }
for name in one two three; do
    user=()
    if [ "$(id -u)" = 0 ]; then user=(-u root); fi
    background "$name.log" "$gearmand" --queue-type=cluster "--cluster-url=host=$folder/db user=gearmand dbname=postgres" \
        --cluster-name="$name" -L 127.0.0.1 -p 0 -P '' -l stderr --verbose=INFO "${user[@]}"
    pids+=("${started[-1]}")
    await 30 "server $name starts" listens "$name"
    servers+=("127.0.0.1:$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$folder/$name.log")")
    echo "$name: ${servers[-1]}"
done
# list N: all of them, each time with another one in front.
list() {
    local rotated=("${servers[@]:$1 % 3}" "${servers[@]:0:$1 % 3}")
    (IFS=, && echo "${rotated[*]}")
}

echo '== six workers, three clients'
touch "$folder/done"
for n in 0 1 2 3 4 5; do background "worker$n.log" "${php[@]}" "$here/worker.php" "$(list "$n")" "$folder/done"; done
clients=()
for n in 0 1 2; do
    background "client$n.log" "${php[@]}" "$here/client.php" "$(list "$n")" $((n * jobs / 3)) $((jobs / 3))
    clients+=("${started[-1]}")
done

are_done() { [ "$(sort -u "$folder/done" | wc -l)" -ge "$1" ]; }
await 60 'a tenth of them is done' are_done $((jobs / 10))
echo "== kill -9: server two, $(sort -u "$folder/done" | wc -l) of $jobs jobs are done"
kill -KILL "${pids[1]}"
wait "${pids[1]}" 2>/dev/null || true # or bash tells of its end
killed=$SECONDS

are_queued() { ! kill -0 "${clients[@]}" 2>/dev/null; }
await 120 'all are queued' are_queued
echo "all $jobs are queued"
await 120 'all are done' are_done "$jobs"
echo "all $jobs are done, $((SECONDS - killed)) s after the kill; $(sort "$folder/done" | uniq -d | wc -l) of them were done twice"
