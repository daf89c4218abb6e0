#!/usr/bin/env bash
# TLS with `openssl s_client`, packet by packet.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"

start_tls_server
start_php_worker
context='openssl s_client: '
add_up "$PHP" -n -d memory_limit=1G interop/s_client.php "$tls" "$own" "$stranger" "$scratch" "$("$GEARMAND" --version | awk '{ print $NF }')"
end "$pid" "$server"
finish
