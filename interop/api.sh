#!/usr/bin/env bash
# The HTTP API, asked by schemathesis what its description says and what it does not: all of its checks, with good values and bad
# ones, one request after another and in sequences. The server has tokens, a durable queue, workers, and jobs in each state; then
# once more one that shares a queue in a PostgreSQL of the test.
#
#   EXAMPLES=1000 SEED=7   more requests of each kind (30), and others; without a seed they are always the same
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

schemathesis=$(peers/api.sh)
if [ -z "$schemathesis" ]; then
    if [ "${CI:-}" ]; then fail 'there is no python3 with pip'; else skip 'schemathesis: there is no python3 with pip'; fi
    finish
fi

token=a-token-that-may-do-everything
cat >"$scratch/tokens.toml" <<TOML
[[token]]
name = "all"
token = "$token"
submit = "*"
observe = true
admin = true
TOML
chmod 600 "$scratch/tokens.toml"
cat >"$scratch/policies.toml" <<'TOML'
[function."*"]
dead-letters = "1000,1d"
keep-results = "1000,1h"

[function."later*"]
retries = 3
backoff = "1h"

[schedule.nightly]
cron = "30 2 * * *"
function = "work"
TOML

# submit FUNCTION [ARGUMENT...]: a job in the background.
submit() { "$GEARMAN" -h 127.0.0.1 -p "$port" -b -f "$@" >>"$log" || fail "a job of $1 is submitted"; }
our() { timeout 20 "$GEARADMIN" -h 127.0.0.1 -p "$port" "$@"; }
has_letters() { [ "$(our --dead dies | grep -c '^H:')" = 5 ]; }

# serve ARGUMENT...: a server with this queue, and with jobs in each state; sets url.
serve() {
    start_server ours --verbose NOTICE --http-listen 127.0.0.1:0 --http-token-file "$scratch/tokens.toml" \
        --policy-file "$scratch/policies.toml" --job-handle-prefix H "$@"
    url=$(sed -n 's/.*HTTP at \(http:.*\)$/\1/p' "$scratch/gearmand-$port.log")
    background "$GEARMAN" -h 127.0.0.1 -p "$port" -w -f work -- cat
    background "$GEARMAN" -h 127.0.0.1 -p "$port" -w -f dies -f later -- false
    background "$GEARMAN" -h 127.0.0.1 -p "$port" -w -f runs -- sleep 1000
    for n in 1 2 3 4 5; do
        submit work "$n"
        submit dies -u "key$n" "$n"
        submit later "$n"
        submit queued -u "key$n" "$n"
        submit "näme $n/?" "$n"
    done
    submit runs 1
    await jobs_are runs '1 1 1' || fail 'a job runs'
    await jobs_are later '5 0 1' || fail 'jobs wait to be tried again'
    await has_letters || fail 'jobs are dead'
    our --policy queued paused=yes >>"$log" || fail 'a function is paused'
}

# Events never end: they are not asked for.
if [ "${SEED:-}" ]; then drawn=(--seed "$SEED" --generation-database none); else drawn=(--generation-deterministic); fi
# It keeps notes of what it finds in its folder.
cp interop/schemathesis.toml interop/api_hooks.py "$scratch"

# ask_all: it asks the server, and the server lives.
ask_all() {
    local report=$scratch/report status
    (cd "$scratch" && exec "$schemathesis" run "$url/api/v1/openapi.json" --header "Authorization: Bearer $token" \
        --checks all --exclude-path /api/v1/events --max-examples "${EXAMPLES:-30}" "${drawn[@]}" \
        --workers 1 --request-timeout 20 --continue-on-failure --no-color --warnings off --suppress-health-check filter_too_much \
        >"$report" 2>&1)
    status=$?
    if [ "$status" != 0 ]; then cat "$report"; else tail -n 20 "$report"; fi
    check 'schemathesis finds nothing' 0 "$status"
    check_that 'the server lives' kill -0 "$server"
}

serve --queue-type libsqlite3 --libsqlite3-db "$scratch/queue"
ask_all
end "${children[@]}"

# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"
if start_postgres -F; then
    context='a shared queue: '
    serve --queue-type cluster --cluster-url "host=$data user=postgres dbname=postgres"
    ask_all
fi
finish
