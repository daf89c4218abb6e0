#!/usr/bin/env bash
# TLS with peers that speak it: ours among themselves, and Perl's and Python's libraries.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"

start_tls_server
context='ours: '
php_run ours ours "$tls" "$tls"
tools_run ours ours "$tls" "$tls"
admin=(timeout 20 "$GEARADMIN" -h 127.0.0.1 -p "$tls" "${tools_tls[@]}")
check 'gearadmin --getpid' "$server" "$("${admin[@]}" --getpid)"
check_that 'the certificate is known by its name' grep -qx $'certificate\tweb' <<<"$("${admin[@]}" --whoami)"

start_php_worker
php_worker=$pid

context='Perl: '
background "$PEER_PERL" interop/tls.pl "$tls" "$own" worker
await has_workers perl_reverse 1 || fail 'the worker comes'
add_up "$PEER_PERL" interop/tls.pl "$tls" "$own" client
add_up php_with ours -d memory_limit=1G interop/large.php "$tls" perl_reverse 64 "$own"
end "$pid"

if [ -n "$PEER_PYTHON" ]; then
    context='Python: '
    background "$PEER_PYTHON" interop/worker.py "$tls" "$own"
    await has_workers python_reverse 1 || fail 'the worker comes'
    add_up "$PEER_PYTHON" interop/client.py "$tls" ours "$own"
    add_up php_with ours interop/large.php "$tls" python_reverse 4 "$own"
    end "$pid"
fi
end "$php_worker" "$server"
finish
