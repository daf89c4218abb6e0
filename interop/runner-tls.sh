#!/usr/bin/env bash
# gearman-runner asks servers by TLS, which want its certificate: by names of servers, by [tls], by the environment. It says what is
# wrong where it does not get through, and does when that is mended, without a restart.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/tls-lib.sh
. interop/tls-lib.sh

RUNNER=$built/gearman-runner
[ -f "$RUNNER" ] || die "$RUNNER is missing: make build"

# run SERVER [LINES [COMMAND...]]: a runner with these servers and these lines in front of its group. Sets runner, and the file said.
run() {
    local server=$1 lines=${2:-}
    shift $(($# > 2 ? 2 : $#))
    said=$scratch/said-$((++runs))
    : >"$said"
    cat >"$scratch/runner.toml" <<END
servers = "$server"
socket = "runner.sock"
look = "100ms"
$lines
[group.shell]
command = "$GEARMAN -h 127.0.0.1 -p $tls ${tools_tls[*]} -w -f count -- wc -c"
functions = "count"
min = 0
max = 2
END
    "$@" exec "$RUNNER" --config "$scratch/runner.toml" >>"$said" 2>&1 </dev/null &
    runner=$!
    children+=("$runner")
}
runs=0
shows() { "$RUNNER" --socket "$scratch/runner.sock" status 2>&1 | grep -qF -- "$1"; }
says() { grep -qF -- "$1" "$said"; }
# works NAME: a job brings a process, so the server was asked, and what it says was understood.
works() {
    check_that "$1" await shows 'tls://127.0.0.1:'"$tls: answers"
    check "$1: a job is done" 5 "$(timeout 60 "$GEARMAN" -h 127.0.0.1 -p "$tls" "${tools_tls[@]}" -f count <<<test)"
    end "$runner"
}
# refused NAME TEXT: that is said, once, and shown.
refused() {
    check_that "$1" await says "warning: no TLS connection to tls://127.0.0.1:$tls: $2"
    check_that "$1: it is shown" await shows "server tls://127.0.0.1:$tls: no TLS connection"
    check "$1: it is said once" 1 "$(grep -c 'no TLS connection' "$said")"
    end "$runner"
}
# files FOLDER_OF_CA [FOLDER_OF_CERTIFICATE]: [tls] with these.
files() {
    printf '[tls]\nca-file = "%s/ca.pem"\n' "$1"
    if [ "${2:-}" ]; then printf 'certificate = "%s/client.pem"\nkey = "%s/client.key"\n' "$2" "$2"; fi
}

start_tls_server
server=tls://127.0.0.1:$tls
run "$server" "$(files "$own" "$own")"
works 'tls:// and [tls]'
run "$server" '' with_tls
works 'tls:// and the environment'
run "127.0.0.1:$tls" "$(files "$own" "$own")"
check_that '[tls] alone' await shows "server 127.0.0.1:$tls: answers"
end "$runner"

run "$server" "$(files "$stranger" "$own")"
refused 'another CA' "the server's certificate is signed by no CA in $stranger/ca.pem, but by one of the same name"
run "$server" "$(files "$own" "$stranger")"
refused 'a certificate of another CA' "the server does not accept our certificate in $stranger/client.pem: its signature cannot be verified"
run "$server" "$(files "$own")"
refused 'no certificate' 'the server requires a certificate of its clients'
run "$server" "$(files "$scratch/none" "$own")"
refused 'no such file' "the CA file $scratch/none/ca.pem: No such file or directory"
run "$server" "$(files "$own" "$own")"$'\npeer-name = "jobs.example.org"'
refused 'another name' "the server's certificate is made out to localhost, 127.0.0.1, not to jobs.example.org"
run "127.0.0.1:$tls"
check_that 'no TLS where the server wants it' await says "warning: lost connection to 127.0.0.1:$tls: the server closed the connection"
end "$runner"

mkdir "$scratch/late"
cp "$stranger/ca.pem" "$scratch/late/ca.pem"
run "$server" "$(files "$scratch/late" "$own")"
check_that 'another CA at first' await says 'but by one of the same name'
cp "$own/ca.pem" "$scratch/late/ca.pem"
check_that 'then the right one' await says "tls://127.0.0.1:$tls answers again"
works 'and it is at work'
finish
