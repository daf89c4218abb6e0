# shellcheck shell=bash
# What the scripts share. To be sourced; leaves the caller in the project's root folder.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

# A PHP other than the first in PATH is chosen by PHP=/path/php PHP_CONFIG=/path/php-config.
# ext-php-rs takes both for paths and looks nothing up, so names are made paths; where none was
# given, it is left out of the environment, and ext-php-rs finds the first in PATH by itself.
for program in PHP PHP_CONFIG; do
    given="${!program:-}"
    [ -n "$given" ] || continue
    path=$(command -v "$given") || { echo "$program=$given: there is no such program" >&2; exit 1; }
    export "$program=$path"
done
PHP="${PHP:-php}" PHP_CONFIG="${PHP_CONFIG:-php-config}"

# The README names files under target/, so another target folder of the user's is not ours.
export CARGO_TARGET_DIR="$root/target"
# For one, cargo would make a folder of its own below that.
unset CARGO_BUILD_TARGET

# Where the module and the programs are that scripts run: built with cargo's profile PROFILE, or those of the last build.
# "release" is what users get, "dev" what make test takes.
case ${PROFILE:-} in
    "") built=$(readlink -e target/built || echo "$root/target/release") ;;
    dev) built=$root/target/debug ;;
    *) built=$root/target/$PROFILE ;;
esac

# rustup puts cargo there, but a shell opened before does not look there yet.
if ! command -v cargo >/dev/null && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
    PATH="$HOME/.cargo/bin:$PATH"
fi

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
has_pip() { python3 -m pip --version >/dev/null 2>&1; }

# The version of PHP that we build for, such as 8.2. Nothing where there is no PHP yet: php-dev and its like, without a version, are
# the system's own choice.
php_version() {
    if have "$PHP_CONFIG"; then
        "$PHP_CONFIG" --version | cut -d. -f1-2
    elif have "$PHP"; then
        "$PHP" -n -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;'
    fi
}

# The version that Cargo.toml says.
project_version() { sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml"; }

# check_module FILE: it is a module for $PHP, of this version. Without php.ini, where another module of this name may be.
check_module() {
    local found
    # shellcheck disable=SC2016
    found=$("$PHP" -n -d display_errors=stderr -d extension="$1" -r 'echo phpversion("gearman");')
    [ "$found" = "$(project_version)" ] ||
        die "$PHP loads gearman '$found' from $1, not $(project_version): is it built for this PHP, and from this source?" \
            "(make build PHP=$PHP PHP_CONFIG=$PHP_CONFIG)"
}

# ask PORT COMMAND: the first line that a job server answers to a text command. Fails where nothing
# listens, or something that does not answer.
ask() (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf '%s\n' "$2" >&3
    IFS= read -r -t 2 line <&3 || exit 1
    printf '%s\n' "${line%$'\r'}"
) 2>/dev/null

listens() ( exec 3<>"/dev/tcp/127.0.0.1/$1" ) 2>/dev/null
speaks_gearman() { [[ "$(ask "$1" version)" == OK* ]]; }

# wait_for SECONDS COMMAND...: until the command succeeds; fails when the time is over.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# stop PID...: ends processes that the caller started, and waits for their end.
stop() {
    local pid
    for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "$@"; do
        wait_for 5 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}
gone() { ! kill -0 "$1" 2>/dev/null; }

# free_port: a TCP port of 127.0.0.1 that nobody listens at. It is below those that the system gives to whoever asks for any, so
# no connection and no listener of another program gets it meanwhile.
free_port() {
    # shellcheck disable=SC2016
    "$PHP" -n -r 'do $port = random_int(10000, 32767); while (!@stream_socket_server("tcp://127.0.0.1:$port")); echo $port;'
}

# make_certificates FOLDER: ca.pem, server.pem, client.pem and their keys, by the very lines of docs/tls.md.
make_certificates() {
    local lines said
    lines=$(awk '/^## /{ here = /^## Certificates/ } here && /^```/ { if (inside) exit; inside = 1; next } inside' docs/tls.md)
    mkdir -p "$1"
    said=$(cd "$1" && bash -euc "$lines" 2>&1) || die "docs/tls.md makes no certificates: $said"
}

# What a job server started by root is told, so that it stays root and can write its files here.
server_user=()
# shellcheck disable=SC2034
if [ "$(id -u)" = 0 ]; then server_user=(-u root); fi

# shellcheck source=scripts/apt.sh
. "$root/scripts/apt.sh"
