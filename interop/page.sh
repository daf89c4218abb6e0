#!/usr/bin/env bash
# The web page of gearmand in a real browser, with workers and clients: see page/main.mjs. How each view looks is left under
# target/page/. Servers that share a queue do so in a PostgreSQL of the test.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/need.sh page || die 'the browser, or what drives it, is missing'
PAGE_MODULES=$(peers/page.sh)
CHROMIUM=$(command -v "${CHROMIUM:-chromium}")
# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"
CLUSTER='' CLUSTER_PID=''
if start_postgres -F; then CLUSTER="host=$data user=postgres dbname=postgres" CLUSTER_PID=$pid; fi
export CLUSTER CLUSTER_PID PAGE_MODULES CHROMIUM GEARMAND GEARMAN MODULE PHP SCRATCH=$scratch
rm -rf target/page
add_up node interop/page/main.mjs "${server_user[@]}"
finish
