#!/usr/bin/env bash
# make soak: JOBS (1,000,000) jobs of every kind through one worker and one client process. Fails when the
# memory of either grows by 8 MB or more in the second half, or a result is wrong. TLS=1: over TLS.
# A buffer of a busy moment is no leak; the smallest block that leaks with each job is 12 MB.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. scripts/server.sh

jobs=${JOBS:-1000000}
scripts/need.sh build
PROFILE=release scripts/build.sh
scratch=$(mktemp -d)
server='' worker=''
# shellcheck disable=SC2086
trap 'stop $worker $server; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP

serve target/release/gearmand "$scratch"
if [ "${TLS:-}" ]; then
    port=$tls_port
    export GEARMAND_CA_CERTIFICATE=$certificates/ca.pem GEARMAN_CLIENT_PEM=$certificates/client.pem GEARMAN_CLIENT_KEY=$certificates/client.key
fi

php=("$PHP" -n -d "extension=$root/target/release/gearman_rs.so" -d memory_limit=256M)
"${php[@]}" ci/soak-worker.php "$port" "$jobs" >"$scratch/worker" 2>&1 &
worker=$!
begin=$SECONDS
client=0
"${php[@]}" ci/soak-client.php "$port" "$jobs" || client=$?
kill "$worker"
status=0
wait "$worker" || status=$?
worker=''
cat "$scratch/worker"
say "$jobs jobs in $((SECONDS - begin)) s"
[ "$client$status" = 00 ] || die "it did not go well, or the memory grew"
