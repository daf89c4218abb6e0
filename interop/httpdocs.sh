#!/usr/bin/env bash
# What docs/http.md says is so: its commands, as they stand, print what is written below them. Workers in other languages are asked the same way.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"

page=$root/docs/http.md
has_postgres=
if start_postgres -F; then has_postgres=1; fi
cp contrib/http-tokens.toml "$scratch"
mkdir "$scratch/own" && cd "$scratch/own" || exit 1
written=127.0.0.1:4790 # what the page says for our address
address=$written
written_shared=127.0.0.1:4791 # and for that of a server that shares a queue
address_shared=$written_shared

# serve LOG ARGUMENT...: a server of the page on free ports; sets port, server and address.
serve() {
    local log=$1
    shift
    rm -f "$log"
    background "$GEARMAND" "$@" -p 0 --http-listen 127.0.0.1:0 --log-file "$log" --verbose NOTICE -P "$scratch/$log.pid" \
        --job-handle-prefix H:host "${server_user[@]}"
    server=$pid
    await has_addresses "$log" || die 'the server does not start'
    port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$log")
    address=$(sed -n 's/.*HTTP at http:\/\///p' "$log")
}
has_addresses() { gone "$server" || grep -qs 'HTTP at http://' "$1"; }
# The one that shares a queue. The other goes on.
serve_shared() {
    local port server address
    serve shared "$@" --cluster-url "host=$data user=postgres dbname=postgres"
    address_shared=$address
}

# Pasted commands, with our programs and at our address.
pasted() {
    gearmand() {
        local arguments=()
        while [ $# -gt 0 ]; do
            case $1 in --http-listen | --log-file | --cluster-url) shift 2 ;; *) arguments+=("$1") && shift ;; esac
        done
        if [[ " ${arguments[*]} " == *' cluster '* ]]; then serve_shared "${arguments[@]}"; else serve alone "${arguments[@]}"; fi
    }
    gearman() { background "$GEARMAN" -p "$port" "$@"; }
    curl() { command curl --max-time 20 "$@"; }
    local code=${1//"$written_shared"/"$address_shared"}
    eval "${code//"$written"/"$address"}"
}

# printed NAME LANGUAGE WANTED GOT: it is what the page says; … is anything there.
printed() {
    local why
    if why=$("$PHP" -n "$root/interop/httpdocs.php" "$2" "$3" "$4" 2>&1); then pass "$1"; else fail "$1" "$why"; fi
}

# Each piece of code of the page: its language, its lines, and a line that is its end.
blocks() { awk '/^```[a-z]/ { print substr($0, 4); inside = 1; next } /^```$/ { inside = 0; print "\001"; next } inside' "$page"; }

language='' code='' about='' ran='' got=''
while IFS= read -r line; do
    if [ -z "$language" ]; then
        language=$line code=''
        continue
    fi
    if [ "$line" != $'\x01' ]; then
        code+=$line$'\n'
        continue
    fi
    [ "$language" != sh ] || about=$code
    if [[ $about == *"$written_shared"* && -z $has_postgres ]]; then
        language=''
        continue
    fi
    case $language in
    sh)
        ran=${code%$'\n'}
        # A server and a worker go on; the rest is printed.
        case $ran in
        gearmand*) pasted "$ran" ;;
        gearman*)
            pasted "$ran"
            await has_workers upper 1 || fail 'the worker of the page comes'
            ;;
        *) got=$(pasted "$ran" 2>>"$log") ;;
        esac
        ;;
    php)
        ran='PHP, as in the page'
        printf '%s' "${code//"$written"/"$address"}" >page.php
        # Of PHP itself: no module of Gearman is needed.
        got=$("$PHP" -d display_errors=stderr page.php 2>>"$log")
        ;;
    json | text) printed "${ran//$'\n'/; }" "$language" "${code%$'\n'}" "${got//$'\r'/}" ;;
    *) fail "a piece of code in $language" ;;
    esac
    language=''
done < <(blocks)

# Workers of every language get jobs so, and their answers come back.
background "$PEER_PERL" "$root/interop/worker.pl" "$port"
background php_with pecl "$root/interop/worker.php" "$port" pecl
functions=(perl_reverse limited)
if [ -n "$PEER_PYTHON" ]; then
    background "$PEER_PYTHON" "$root/interop/worker.py" "$port"
    functions+=(python_reverse)
fi
background "$C_GEARMAN" -h 127.0.0.1 -p "$port" -w -f c_upper -- tr a-z A-Z
for function in "${functions[@]}"; do
    await has_workers "$function" 1 || fail "the worker of $function comes"
    printed "$function in JSON" json '{"state":"done","result":"cba","…":"…"}' \
        "$(curl -sm 20 "http://$address/api/v1/functions/$function/jobs" --json '{"workload":"abc"}')"
    check "$function as to C gearmand" cba "$(curl -sm 20 "http://$address/$function" -d abc)"
done
await has_workers c_upper 1
check "C's own worker" ABC "$(curl -sm 20 "http://$address/c_upper" -d abc)"
printed 'what Perl sends in pieces' json '{"state":"done","result":"end","data":["b25lAA==","dHdv"],"warnings":["careful"],"…":"…"}' \
    "$(curl -sm 20 "http://$address/api/v1/functions/perl_pieces/jobs" --json '{}')"
printed 'what Perl throws' json '{"state":"failed","exception":"…","…":"…"}' \
    "$(curl -sm 20 "http://$address/api/v1/functions/perl_die/jobs" --json '{}')"
end "${children[@]}"

# The token that the page shows is one of contrib/http-tokens.toml.
serve with-tokens --listen 127.0.0.1 --http-token-file "$scratch/http-tokens.toml"
ask=$(grep -F 'Authorization: Bearer' "$page" | grep '^curl')
check 'a token of the example' 200 "$(pasted "$ask")"
check 'a wrong one' 401 "$(pasted "${ask/change-me/forget-me}")"
check 'none at all' 401 "$(pasted "${ask/-H \'*\' -o/-o}")"

# C gearmand itself answers as the page says of it, where it speaks HTTP.
http=$(free_port)
start_server C -r http --http-port "$http"
fields() { curl -sim 20 "http://127.0.0.1:$1/f" -d x -H 'X-Gearman-Background: true' | tr -d '\r' | grep -i '^x-gearman-command\|^HTTP' | sed 's,HTTP/[^ ]*,HTTP,' | tr '[:upper:]' '[:lower:]' | sort; }
check 'C gearmand says the same of a job in the background' "$(printf 'http 200 ok\nx-gearman-command: job_created')" "$(fields "$http")"
finish
