# shellcheck shell=bash
# What the scripts about TLS share: certificates, which are those of docs/tls.md, a server, and peers that ask each other for all
# they can. To be sourced behind lib.sh.

own=$scratch/own
make_certificates "$own"
stranger=$scratch/stranger # nobody's friend
make_certificates "$stranger"
{ printf '\0REQ' && head -c $((64 << 20)) /dev/urandom; } >"$scratch/payload"

# with_tls COMMAND...: by libgearman's variables. For a subshell or background.
with_tls() {
    export GEARMAND_CA_CERTIFICATE=$own/ca.pem GEARMAN_CLIENT_PEM=$own/client.pem GEARMAN_CLIENT_KEY=$own/client.key
    "$@"
}
tools_tls=(--ssl --ssl-ca-file "$own/ca.pem" --ssl-certificate "$own/client.pem" --ssl-key "$own/client.key")

# start_tls_server: which wants certificates; sets port and tls, its port with TLS.
start_tls_server() {
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
}

# start_php_worker: ours, at this server; sets pid.
start_php_worker() {
    background with_tls php_with ours -d memory_limit=1G interop/worker.php "$tls"
    await has_workers echo 1 || fail 'the worker comes'
}

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
    end_workers "${workers[@]}"
}
