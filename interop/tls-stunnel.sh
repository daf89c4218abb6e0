#!/usr/bin/env bash
# TLS with peers that do not speak it, behind stunnel: C's and pecl's, and C gearmand.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"

# tunnel client|server PORT: stunnel before this port, which speaks TLS with it, or for it; sets tunnel, its own port.
tunnel() {
    local role=no check=''
    if [ "$1" = client ]; then role=yes check='checkIP = 127.0.0.1'; fi
    for _ in 1 2 3 4 5; do
        tunnel=$(free_port)
        cat >"$scratch/stunnel-$tunnel.conf" <<END
foreground = yes
debug = warning
pid =
[gearman]
client = $role
accept = 127.0.0.1:$tunnel
connect = 127.0.0.1:$2
cert = $own/$1.pem
key = $own/$1.key
CAfile = $own/ca.pem
verifyChain = yes
requireCert = yes
$check
END
        background "$PEER_STUNNEL" "$scratch/stunnel-$tunnel.conf"
        if wait_for 10 listens_or_gone && ! gone "$pid"; then return; fi
    done
    die "stunnel does not start"
}
listens_or_gone() { listens "$tunnel" || gone "$pid"; }

start_tls_server
tunnel client "$tls"
context='C and pecl through stunnel to ours: '
php_run pecl ours "$tunnel" "$tls"
php_run ours pecl "$tls" "$tunnel"
tools_run C ours "$tunnel" "$tls"
tools_run ours C "$tls" "$tunnel"
check gearadmin "$server" "$(timeout 20 "$C_GEARADMIN" -h 127.0.0.1 -p "$tunnel" --getpid)"

# Both take jobs of ours and give us jobs.
context='PHP: '
start_php_worker
php_worker=$pid
for kind in ours C; do
    to=(-h 127.0.0.1 -p "$tunnel")
    if [ "$kind" = ours ]; then to=(-h 127.0.0.1 -p "$tls" "${tools_tls[@]}"); fi
    timeout 20 "$(tool "$kind")" "${to[@]}" -f raise 'on purpose' >"$scratch/raised" 2>&1
    check "an exception, $kind tool" "1 Job failed" "$? $(cat "$scratch/raised")"
done
end "$php_worker" "$server"

start_server C
tunnel server "$port"
context='ours through stunnel to C gearmand: '
php_run ours ours "$tunnel" "$tunnel"
tools_run ours ours "$tunnel" "$tunnel"
check gearadmin "$server" "$(timeout 20 "$GEARADMIN" -h 127.0.0.1 -p "$tunnel" "${tools_tls[@]}" --getpid)"
finish
