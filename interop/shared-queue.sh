# shellcheck shell=bash
# A queue that servers share in a PostgreSQL of the script's own, with its commits on the disk, and loads for it. To be sourced after
# lib.sh.
# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"
seconds=${CLUSTER_SECONDS:-0.5} # for each load

start_postgres -c shared_buffers=256MB -c max_wal_size=4GB -c shared_preload_libraries=pg_stat_statements || finish

export PGOPTIONS='-c client_min_messages=warning'
sql() { "$TEST_POSTGRES/psql" -h "$data" -U postgres -Atqc "$1" postgres; }
# cluster SCHEMA [OPTION...]: one more server on it; sets port and server.
cluster() {
    local schema=$1
    shift
    start_server ours --queue-type=cluster "--cluster-url=host=$data user=postgres dbname=postgres" \
        "--cluster-schema=$schema" "--cluster-name=$schema-$RANDOM" --verbose=NOTICE "$@"
}
# load PORTS [OPTION...]: sets created, submits, settled, median and p99.
load() {
    read -r created submits settled median p99 < <("$built/bench" durable "$@" --seconds "$seconds" 2>>"$log") ||
        fail "bench durable $*"
}
