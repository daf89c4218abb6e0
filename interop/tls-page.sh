# shellcheck shell=bash
# docs/tls.md as scripts try it: in a folder with its certificates. To be sourced behind lib.sh.

page=$root/docs/tls.md
make_certificates "$scratch/own"
make_certificates "$scratch/own/twin" # another CA of the same name
cd "$scratch/own" || exit 1

# block HEADING LANGUAGE N: the N-th piece of code in this section.
block() {
    awk -v heading="## $1" -v language="\`\`\`$2" -v n="$3" '
        /^## /{ here = $0 == heading }
        /^```/ { inside = here && $0 == language && ++found == n; next }
        inside' "$page"
}

# serve ARGUMENT...: a server that speaks TLS alone, at port; its log is the file log.
serve() {
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        background "$GEARMAND" -p "$port" -P "$scratch/pid" "${server_user[@]}" --verbose NOTICE --listen 127.0.0.1 "$@"
        server=$pid
        if wait_for 10 listens_or_gone && ! gone "$server"; then return; fi
    done
    die 'the server does not start'
}
listens_or_gone() { listens "$port" || gone "$server"; }
logged() { grep -qF -- "$1" log; }

# said TEXT COMMAND...: it fails, with this text, which is in the page.
said() {
    local text=$1 answer status
    shift
    answer=$(timeout 20 "$@" 2>&1)
    status=$?
    check "$text" 1 "$status"
    grep -qF -- "$text" <<<"$answer" || fail 'is said' "$(shown "$answer")"
    grep -qF -- "$text" "$page" || fail 'is in the page'
}
works() { timeout 20 "$@" >>"$log" 2>&1; }

# switch_on: a server with the page's certificates. Sets ask, which asks it without TLS, and good, the options for that.
switch_on() {
    serve --ssl --ssl-certificate server.pem --ssl-key server.key --ssl-ca-file ca.pem --log-file log
    ask=("$GEARADMIN" -h 127.0.0.1 -p "$port" --server-version)
    good=(--ssl-ca-file ca.pem --ssl-certificate client.pem --ssl-key client.key)
}
