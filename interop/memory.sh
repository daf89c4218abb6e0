#!/usr/bin/env bash
# What the job server's memory is spent on: bytes a queued job, a delayed one and an idle connection, and what is left
# when the jobs are gone. `make memory` asks for MEMORY_JOBS=1000000 and MEMORY_CONNECTIONS=10000, and for
# the C server's figures beside ours (MEMORY_C=1); by itself it is small enough for `make test`.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

jobs=${MEMORY_JOBS:-100000} wanted=${MEMORY_CONNECTIONS:-1000}
ulimit -n "$(ulimit -Hn)"
# The programs need some for themselves.
most=$(($(ulimit -n) - 100))
connections=$((wanted < most ? wanted : most))

load() { "$PEER_PERL" interop/memory.pl "$port" "$@"; }
rss() { awk '$1 == "VmRSS:" { print $2 * 1024 }' "/proc/$server/status"; }
rss_below() { [ "$(rss)" -lt "$1" ]; }

# measure ours|C SECONDS: sets idle, connection, job, drained and took; at most so long after its last job.
measure() {
    local before begin
    start_server "$1"
    # Once through all code, so that what it needs in any case is not a job's.
    load submit 100 && load drain && load connect 10 </dev/null >/dev/null
    idle=$(rss)

    coproc HOLD { exec "$PEER_PERL" interop/memory.pl "$port" connect "$connections"; }
    children+=("$HOLD_PID")
    IFS= read -r -t 300 _ <&"${HOLD[0]}" || fail "$1 server: $connections connections"
    connection=$((($(rss) - idle) / connections))
    end "$HOLD_PID"

    before=$(rss)
    load submit "$jobs" || fail "$1 server: $jobs jobs"
    job=$((($(rss) - before) / jobs))
    load drain || fail "$1 server: they end"
    begin=$SECONDS
    wait_for "$2" rss_below $((2 * idle)) || true
    drained=$(rss) took=$((SECONDS - begin))
    end "$server"
    printf '%s server: idle %d kB; an idle connection %d B, of %d; a queued job %d B; after %d jobs %d kB (%d s)\n' \
        "$1" $((idle / 1024)) "$connection" "$connections" "$job" "$jobs" $((drained / 1024)) "$took"
}

# Of a job that runs tomorrow: sets delayed.
measure_delayed() {
    local before
    start_server ours
    load submit 100 && load drain
    before=$(rss)
    load submit "$jobs" $(($(date +%s) + 86400)) || fail "$jobs delayed jobs"
    delayed=$((($(rss) - before) / jobs))
    end "$server"
    printf 'ours server: a delayed job %d B, of %d\n' "$delayed" "$jobs"
}

# Of one over TLS: sets tls_connection.
measure_tls() {
    local tls_port count=$((connections < 2000 ? connections : 2000))
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=memory \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" 2>>"$log"
    tls_port=$(free_port)
    start_server ours -L "tls://127.0.0.1:$tls_port" --ssl-certificate "$scratch/certificate.pem" --ssl-key "$scratch/key.pem"
    php_holds 10 </dev/null >/dev/null
    idle=$(rss)
    coproc HOLD { php_holds "$count"; }
    children+=("$HOLD_PID")
    IFS= read -r -t 300 _ <&"${HOLD[0]}" || fail "$count connections over TLS"
    tls_connection=$((($(rss) - idle) / count))
    end "$HOLD_PID" "$server"
    printf 'ours server: an idle connection over TLS %d B, of %d\n' "$tls_connection" "$count"
}
# php_holds N: so many connections of our module.
php_holds() { (php_with ours -d gearman.ssl=1 -d gearman.ssl_ca_file="$scratch/certificate.pem" interop/memory.php "$tls_port" "$1"); }

if [ "$connections" -lt "$wanted" ]; then echo "ulimit -Hn allows $connections connections, not $wanted"; fi
measure ours 60
check_that "a queued job takes at most 300 B" [ "$job" -le 300 ]
check_that "what is left of $jobs jobs is less than twice an idle server" [ "$drained" -lt $((2 * idle)) ]
check_that "an idle connection takes at most 4096 B" [ "$connection" -le 4096 ]
measure_delayed
check_that "a delayed job takes at most 300 B" [ "$delayed" -le 300 ]
measure_tls
check_that "an idle connection over TLS takes at most 24 KB" [ "$tls_connection" -le 24000 ]
if [ "${MEMORY_C:-}" ]; then measure C 60; fi
finish
