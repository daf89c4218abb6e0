#!/usr/bin/env bash
# What the server tells Prometheus: read by the parser of its Python client, by promtool and by Prometheus itself; and the
# files of contrib/ for it. Then what a scrape takes, which is not judged here:
#
#   METRICS_FUNCTIONS=2000 METRICS_CONNECTIONS=10000 METRICS_SCRAPES=50 PROFILE=release interop/metrics.sh
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"

functions=${METRICS_FUNCTIONS:-200} connections=${METRICS_CONNECTIONS:-100} scrapes=${METRICS_SCRAPES:-5}

# missing WHAT: it is not there to show something with.
missing() { if [ "${CI:-}" ]; then fail "there is no $1"; else skip "there is no $1"; fi; }
quietly() { "$@" >>"$log" 2>&1; }
# start_with_http [ARGUMENT...]: sets http, its port.
start_with_http() {
    start_server ours --http-listen 127.0.0.1:0 --verbose NOTICE "$@"
    http=$(sed -n 's|.* HTTP at http://127.0.0.1:||p' "$scratch/gearmand-$port.log")
}
prometheus_port() { sed -n 's|.*msg="Listening on" address=127.0.0.1:||p' "$scratch/prometheus.log"; }
prometheus_listens() { exists "$scratch/prometheus.log" && [ -n "$(prometheus_port)" ]; }

if start_postgres -F; then
    start_with_http --queue-type cluster --cluster-url "host=$data user=postgres dbname=postgres"
    "$GEARMAN" -h 127.0.0.1 -p "$port" -b -f f x >>"$log" || fail 'a job of a shared queue is submitted'
    export CLUSTER_HTTP=$http
fi
prometheus=()
start_with_http --queue-type libsqlite3 --libsqlite3-db "$scratch/queue.db"
if [ -n "$PEER_PROMTOOL" ]; then
    check_that 'contrib/prometheus.yml is good' quietly "$PEER_PROMTOOL" check config contrib/prometheus.yml
    check_that 'contrib/prometheus-rules.yml is good' quietly "$PEER_PROMTOOL" check rules contrib/prometheus-rules.yml
    sed "s|RULES|$root/contrib/prometheus-rules.yml|" interop/metrics-alerts.yml >"$scratch/alerts.yml"
    check_that 'alerts are given when they should be' quietly "$PEER_PROMTOOL" test rules "$scratch/alerts.yml"
    sed "s|127.0.0.1:4790|127.0.0.1:$http|; s|scrape_interval: 15s|scrape_interval: 1s|; s|prometheus-rules.yml|$root/contrib/&|" \
        contrib/prometheus.yml >"$scratch/prometheus.yml"
    # shellcheck disable=SC2016 # its shell expands it
    background sh -c 'out=$1 && shift && exec "$@" >"$out" 2>&1' sh "$scratch/prometheus.log" "$PEER_PROMETHEUS" \
        --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/prometheus" --web.listen-address=127.0.0.1:0
    if await prometheus_listens; then prometheus=("$(prometheus_port)" "$PEER_PROMTOOL"); else fail 'Prometheus starts'; fi
else
    missing Prometheus
fi

if [ -z "$PEER_PYTHON" ]; then
    missing 'python3 with pip'
    finish
fi
add_up "$PEER_PYTHON" interop/metrics.py "$port" "$http" "${prometheus[@]}"

end "${children[@]}"
ulimit -n "$(ulimit -Hn)"
start_with_http
check_that 'what a scrape takes is measured' "$PEER_PYTHON" interop/scrape.py "$port" "$http" "$functions" "$connections" "$scrapes"
finish
