# shellcheck shell=bash
# A job server for tests, with its files in a folder. To be sourced behind lib.sh.

# serve PROGRAM FOLDER: on a free port of 127.0.0.1; sets server, its pid, and port. TLS=1: it speaks TLS as well; sets tls_port and
# certificates, the folder of those that it knows. The port was free just now; if another took it meanwhile, once more.
serve() {
    local program=$1 folder=$2 tls=()
    if [ "${TLS:-}" ]; then
        certificates=$folder/certificates
        make_certificates "$certificates"
        tls=(--verbose NOTICE -L tls://127.0.0.1:0 --ssl-certificate "$certificates/server.pem"
            --ssl-key "$certificates/server.key" --ssl-ca-file "$certificates/ca.pem")
    fi
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        "$program" -p "$port" -L 127.0.0.1 -l "$folder/gearmand.log" -P "$folder/gearmand.pid" "${server_user[@]}" \
            "${tls[@]}" >"$folder/gearmand.out" 2>&1 </dev/null &
        server=$!
        if wait_for 10 server_is_up_or_gone && ! gone "$server"; then
            tls_port=$(sed -n 's/.*listening on tls:\/\/127\.0\.0\.1:\([0-9]*\)$/\1/p' "$folder/gearmand.log")
            [ -z "${TLS:-}" ] || [ "$tls_port" ] || die "the server listens at no port with TLS"
            return
        fi
        stop "$server"
        server=''
    done
    server_says "$folder"
    die "$program does not start"
}
# The pid tells our server from another one on a port that was not free after all.
server_is_up_or_gone() { [ "$(ask "$port" getpid)" = "OK $server" ] || gone "$server"; }

# server_says FOLDER: all that it has said, where somebody looks for errors.
server_says() { cat "$1/gearmand.out" "$1/gearmand.log" >&2 2>/dev/null || true; }
