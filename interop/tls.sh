#!/usr/bin/env bash
# TLS with all peers: ours among themselves, Perl's and Python's libraries, openssl's command, and C's peers, who do not speak it,
# behind stunnel. Certificates are those of docs/tls.md.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

own=$scratch/own
make_certificates "$own"
make_certificates "$scratch/stranger" # nobody's friend
{ printf '\0REQ' && head -c $((64 << 20)) /dev/urandom; } >"$scratch/payload"

# with_tls COMMAND...: by libgearman's variables. For a subshell or background.
with_tls() {
    export GEARMAND_CA_CERTIFICATE=$own/ca.pem GEARMAN_CLIENT_PEM=$own/client.pem GEARMAN_CLIENT_KEY=$own/client.key
    "$@"
}
tools_tls=(--ssl --ssl-ca-file "$own/ca.pem" --ssl-certificate "$own/client.pem" --ssl-key "$own/client.key")

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

# tools_run CLIENT WORKER PORT_OF_CLIENT PORT_OF_WORKER: the command line tools, each ours with TLS or C's without.
tools_run() {
    local f="tool_$1_$2" client worker copy="$scratch/copy"
    client=(timeout 60 "$(tool "$1")" -h 127.0.0.1 -p "$3")
    worker=("$(tool "$2")" -h 127.0.0.1 -p "$4")
    if [ "$1" = ours ]; then client+=("${tools_tls[@]}"); fi
    if [ "$2" = ours ]; then worker+=("${tools_tls[@]}"); fi
    # Read to its end before a byte is written: C's worker writes all of the data first.
    # shellcheck disable=SC2016
    background "${worker[@]}" -w -f "${f}_copy" -- sh -c 'cat >"$0" && cat "$0"' "$copy"
    local workers=("$pid")
    # shellcheck disable=SC2016
    background "${worker[@]}" -w -f "${f}_note" -- sh -c 'cat >"$0.new" && mv "$0.new" "$0"' "$scratch/$f"
    workers+=("$pid")
    background "${worker[@]}" -w -f "${f}_fail" -- false
    workers+=("$pid")
    await has_workers "${f}_copy" 1 && await has_workers "${f}_note" 1 && await has_workers "${f}_fail" 1 || fail 'the workers come'
    # C's tools copy all that they have for each 8 KiB that come: a minute for 64 MB.
    local megabytes=1
    if [ "$1$2" = oursours ]; then megabytes=64; fi
    head -c $((megabytes << 20)) "$scratch/payload" >"$copy.sent"
    "${client[@]}" -f "${f}_copy" <"$copy.sent" >"$copy.result"
    check_that "$megabytes MB each way" cmp -s "$copy.sent" "$copy.result"
    "${client[@]}" -b -f "${f}_note" later
    check_that 'a background job' await exists "$scratch/$f"
    "${client[@]}" -f "${f}_fail" x >/dev/null 2>&1
    check 'a failure' 1 $?
    end "${workers[@]}"
}

# php_run WORKER CLIENT PORT_OF_WORKER PORT_OF_CLIENT: all that a client in PHP can ask of a worker, ours with TLS or pecl's without.
php_run() {
    local workers=() folder="$scratch/php-$1-$2-$4" kind program own_files=() megabytes=64
    for program in worker shout; do
        kind=("php_with" "$1")
        if [ "$1" = ours ]; then kind=(with_tls "${kind[@]}"); fi
        background "${kind[@]}" -d memory_limit=1G "interop/$program.php" "$3"
        workers+=("$pid")
    done
    await has_workers echo 1 && await has_workers shout 1 || fail 'the workers come'
    mkdir "$folder"
    kind=(php_with "$2")
    if [ "$2" = ours ]; then kind=(with_tls "${kind[@]}"); fi
    add_up "${kind[@]}" interop/client.php "$4" "$folder"
    if [ "$2" = ours ]; then own_files=("$own"); fi
    # libgearman copies all that it has again and again: half a minute for 64 MB.
    if [ "$1$2" != oursours ]; then megabytes=8; fi
    add_up php_with "$2" -d memory_limit=1G interop/large.php "$4" echo "$megabytes" "${own_files[@]}"
    end "${workers[@]}"
}

cat >"$scratch/acl.toml" <<'TOML'
[[rule]]
certificate = "web"
submit = "*"
work = "*"
observe = true
admin = true

[[rule]] # this script
listener = "127.0.0.1:*"
observe = true
TOML
start_server ours --verbose NOTICE --acl "$scratch/acl.toml" -L tls://127.0.0.1:0 --ssl-certificate "$own/server.pem" --ssl-key "$own/server.key" \
    --ssl-ca-file "$own/ca.pem" --ssl-verify require
tls=$(sed -n 's/.*listening on tls:\/\/127\.0\.0\.1:\([0-9]*\)$/\1/p' "$scratch/gearmand-$port.log")


context='ours: '
php_run ours ours "$tls" "$tls"
tools_run ours ours "$tls" "$tls"
admin=(timeout 20 "$GEARADMIN" -h 127.0.0.1 -p "$tls" "${tools_tls[@]}")
check 'gearadmin --getpid' "$server" "$("${admin[@]}" --getpid)"
check_that 'the certificate is known by its name' grep -qx $'certificate\tweb' <<<"$("${admin[@]}" --whoami)"

tunnel client "$tls"
context='C and pecl through stunnel to ours: '
php_run pecl ours "$tunnel" "$tls"
php_run ours pecl "$tls" "$tunnel"
tools_run C ours "$tunnel" "$tls"
tools_run ours C "$tls" "$tunnel"
check gearadmin "$server" "$(timeout 20 "$C_GEARADMIN" -h 127.0.0.1 -p "$tunnel" --getpid)"

# Both take jobs of ours and give us jobs.
context='PHP: '
background with_tls php_with ours -d memory_limit=1G interop/worker.php "$tls"
php_worker=$pid
await has_workers echo 1 || fail 'the worker comes'
for kind in ours C; do
    to=(-h 127.0.0.1 -p "$tunnel")
    if [ "$kind" = ours ]; then to=(-h 127.0.0.1 -p "$tls" "${tools_tls[@]}"); fi
    timeout 20 "$(tool "$kind")" "${to[@]}" -f raise 'on purpose' >"$scratch/raised" 2>&1
    check "an exception, $kind tool" "1 Job failed" "$? $(cat "$scratch/raised")"
done

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

context='openssl s_client: '
s_client=(openssl s_client -quiet -connect "127.0.0.1:$tls" -CAfile "$own/ca.pem" -verify_return_error -verify_ip 127.0.0.1)
coproc OPENSSL { exec "${s_client[@]}" -cert "$own/client.pem" -key "$own/client.key" 2>>"$log"; }
children+=("$OPENSSL_PID")
# Those of a coprocess are not for subshells.
exec {to}>&"${OPENSSL[1]}" {from}<&"${OPENSSL[0]}"

# header COMMAND LENGTH
header() {
    # shellcheck disable=SC2059
    printf "\0REQ$(printf '\\x%02x' 0 0 0 "$1" $(($2 >> 24)) $(($2 >> 16 & 255)) $(($2 >> 8 & 255)) $(($2 & 255)))"
}
# send COMMAND ARGUMENT...: a packet of one or more arguments.
send() {
    local command=$1 first=$2 argument length=${#2}
    shift 2
    for argument; do length=$((length + 1 + ${#argument})); done
    header "$command" "$length" >&"$to"
    printf '%s' "$first" >&"$to"
    for argument; do printf '\0%s' "$argument" >&"$to"; done
}
# receive: the command and the arguments of the next packet, with blanks between them; a handle as HANDLE.
receive() {
    local head
    head=$(timeout 20 head -c 12 <&"$from" | od -An -v -tx1 | tr -d ' \n')
    [ "${head:0:8}" = 00524553 ] || { echo "no packet: $head" && return; }
    printf '%d %s' "0x${head:8:8}" "$(timeout 20 head -c $((0x${head:16:8})) <&"$from" | tr '\0' ' ' | sed 's/H:[^ ]*:[0-9]*/HANDLE/')"
}
ECHO_REQ=16 SUBMIT_JOB=7 SUBMIT_JOB_BG=18 OPTION_REQ=26
JOB_CREATED=8 WORK_COMPLETE=13 ECHO_RES=17 WORK_EXCEPTION=25 OPTION_RES=27

send $ECHO_REQ 'an echo'
check ECHO_REQ "$ECHO_RES an echo" "$(receive)"
send $OPTION_REQ exceptions
check OPTION_REQ "$OPTION_RES exceptions" "$(receive)"
send $SUBMIT_JOB echo '' hello
check SUBMIT_JOB "$JOB_CREATED HANDLE" "$(receive)"
check 'its result' "$WORK_COMPLETE HANDLE hello" "$(receive)"
send $SUBMIT_JOB raise '' 'on purpose'
check 'another' "$JOB_CREATED HANDLE" "$(receive)"
check 'its exception' "$WORK_EXCEPTION HANDLE on purpose" "$(receive)"
send $SUBMIT_JOB_BG note '' "$scratch/noted by hand"
check SUBMIT_JOB_BG "$JOB_CREATED HANDLE" "$(receive)"
check_that 'which is done' await exists "$scratch/noted"
size=$(stat -c %s "$scratch/payload")
{ header $ECHO_REQ "$size" && cat "$scratch/payload"; } >&"$to" &
sending=$!
timeout 60 head -c $((12 + size)) <&"$from" | tail -c "$size" >"$scratch/echoed"
wait "$sending"
check_that '64 MB each way' cmp -s "$scratch/payload" "$scratch/echoed"
answer="OK $("$GEARMAND" --version | awk '{ print $NF }')"
echo version >&"$to"
IFS= read -r -t 20 line <&"$from"
check version "$answer" "${line%$'\r'}"
echo status >&"$to"
lines=()
while IFS= read -r -t 20 line <&"$from" && [ "$line" != . ]; do lines+=("$line"); done
check_that status grep -qE $'^echo\t0\t0\t1$' <<<"$(printf '%s\n' "${lines[@]}")"
end "$OPENSSL_PID"

# version_with ARGUMENT...: what s_client with these is answered, or told. For a subshell.
version_with() {
    trap '' PIPE
    coproc ONE { exec timeout 20 "${s_client[@]}" "$@" 2>&1; }
    local one=$ONE_PID answers=${ONE[0]}
    echo version >&"${ONE[1]}"
    grep -m 1 -oE '^OK [0-9.]+|alert [a-z ]+:' <&"$answers"
    kill "$one" 2>/dev/null
}
shown=(-cert "$own/client.pem" -key "$own/client.key") stranger=$scratch/stranger/client
old=(-cipher 'DEFAULT@SECLEVEL=0')
check 'TLS 1.2' "$answer" "$(version_with "${shown[@]}" "${old[@]}" -tls1_2)"
for version in -tls1_1 -tls1; do
    check_that "$version is refused" grep -qE '^alert (protocol version|handshake failure):' <<<"$(version_with "${shown[@]}" "${old[@]}" $version)"
done
check 'no certificate is refused' 'alert certificate required:' "$(version_with)"
# Its CA has the name of ours, and another key.
check 'one of another CA as well' 'alert decrypt error:' "$(version_with -cert "$stranger.pem" -key "$stranger.key")"
end "$php_worker" "$server"

start_server C
tunnel server "$port"
context='ours through stunnel to C gearmand: '
php_run ours ours "$tunnel" "$tunnel"
tools_run ours ours "$tunnel" "$tunnel"
check gearadmin "$server" "$(timeout 20 "$GEARADMIN" -h 127.0.0.1 -p "$tunnel" "${tools_tls[@]}" --getpid)"
finish
