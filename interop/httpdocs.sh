#!/usr/bin/env bash
# HTTP, as docs/http.md has it, where other programs have a part: workers of every language get jobs by it, and C gearmand answers the same
# way. (The page's own commands: interop/docs.sh.)
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# serve ARGUMENT...: a server of ours that speaks HTTP; sets address.
serve() {
    start_server ours --http-listen 127.0.0.1:0 --verbose NOTICE "$@"
    await grep -qs 'HTTP at http://' "$scratch/gearmand-$port.log" || die 'the server speaks no HTTP'
    address=$(sed -n 's/.*HTTP at http:\/\///p' "$scratch/gearmand-$port.log")
}
# printed NAME WANTED GOT: it is this JSON; … is anything there.
printed() {
    local why
    if why=$("$PHP" -n interop/docs/compare.php "$2" "$3"); then pass "$1"; else fail "$1" "$why"; fi
}
request() { curl -sm 20 "http://$address/$1" "${@:2}"; }

serve
background "$PEER_PERL" interop/worker.pl "$port"
background php_with pecl interop/worker.php "$port" pecl
functions=(perl_reverse limited)
if [ -n "$PEER_PYTHON" ]; then
    background "$PEER_PYTHON" interop/worker.py "$port"
    functions+=(python_reverse)
fi
background "$C_GEARMAN" -h 127.0.0.1 -p "$port" -w -f c_upper -- tr a-z A-Z
for function in "${functions[@]}"; do
    await has_workers "$function" 1 || fail "the worker of $function comes"
    printed "$function in JSON" '{"state":"done","result":"cba","…":"…"}' "$(request "api/v1/functions/$function/jobs" --json '{"workload":"abc"}')"
    check "$function as to C gearmand" cba "$(request "$function" -d abc)"
done
await has_workers c_upper 1
check "C's own worker" ABC "$(request c_upper -d abc)"
printed 'what Perl sends in pieces' '{"state":"done","result":"end","data":["b25lAA==","dHdv"],"warnings":["careful"],"…":"…"}' \
    "$(request api/v1/functions/perl_pieces/jobs --json '{}')"
printed 'what Perl throws' '{"state":"failed","exception":"…","…":"…"}' "$(request api/v1/functions/perl_die/jobs --json '{}')"
end "${children[@]}"

# The token that the page shows is one of contrib/http-tokens.toml.
serve --http-token-file contrib/http-tokens.toml
token=$(grep -om 1 'Bearer change-me[a-z-]*' docs/http.md)
with() { request api/v1/functions -o "$scratch/body" -w '%{http_code}' "$@"; }
check 'a token of the example' 200 "$(with -H "Authorization: $token")"
check 'a wrong one' 401 "$(with -H "Authorization: ${token/change-me/forget-me}")"
check 'none at all' 401 "$(with)"

# C gearmand itself answers as the page says of it, where it speaks HTTP.
http=$(free_port)
start_server C -r http --http-port "$http"
fields() { curl -sim 20 "http://127.0.0.1:$1/f" -d x -H 'X-Gearman-Background: true' | tr -d '\r' | grep -i '^x-gearman-command\|^HTTP' | sed 's,HTTP/[^ ]*,HTTP,' | tr '[:upper:]' '[:lower:]' | sort; }
check 'C gearmand says the same of a job in the background' "$(printf 'http 200 ok\nx-gearman-command: job_created')" "$(fields "$http")"
finish
