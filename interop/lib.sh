# shellcheck shell=bash
# What the interop scripts share: the peers, servers of both kinds, checks. To be sourced.
#
# A script calls check, check_that, pass, fail or skip for each thing it shows, and finish at its end.
# REFERENCE=1 also runs the pairings in which nothing is ours: what they fail is wrong in the script.
set -uo pipefail
# shellcheck source=../scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

if [ -z "${C_GEARMAND:-}" ]; then
    peers=$(peers/interop.sh) || die "the peers are missing: peers/interop.sh"
    set -a
    eval "$peers"
    set +a
fi

GEARMAND=$built/gearmand
GEARMAN=$built/gearman
GEARADMIN=$built/gearadmin
MODULE=$built/gearman_rs.so
for file in "$GEARMAND" "$GEARMAN" "$GEARADMIN" "$MODULE"; do
    [ -f "$file" ] || die "$file is missing: make build"
done
# Servers are chosen by address only.
unset GEARMAN_SERVER GEARMAN_SERVERS GEARMAND_PORT

scratch=$(mktemp -d)
log=$scratch/log # what the programs say besides; shown when a check failed
children=()

clean_up() {
    trap '' INT TERM HUP
    trap - EXIT
    stop "${children[@]}"
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Programs are of two kinds: "ours" and "C", or "ours" and "pecl".

tool() { if [ "$1" = ours ]; then echo "$GEARMAN"; else echo "$C_GEARMAN"; fi; }

# php_with ours|pecl ARGUMENTS...: replaces the shell: for a subshell or background.
php_with() {
    local kind=$1
    shift
    if [ "$kind" = ours ]; then
        exec "$PHP" -n -d "extension=$MODULE" -d display_errors=stderr "$@"
    else
        exec "$PECL_PHP" -d display_errors=stderr "$@"
    fi
}

# background COMMAND...: starts it, sets pid, and ends it with the script.
background() {
    "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    children+=("$pid")
}

# end PID...: ends children before the script does.
end() {
    local pid left=()
    stop "$@" 2>/dev/null
    for pid in "${children[@]}"; do
        if [[ " $* " != *" $pid "* ]]; then left+=("$pid"); fi
    done
    children=("${left[@]}")
}

# await CONDITION...: for so long as a working program may need on a busy machine.
await() { wait_for 60 "$@" || { say "waited in vain: $*"; return 1; }; }
lines_in() { [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
exists() { [ -e "$1" ]; }

# shellcheck source=interop/server.sh
. interop/server.sh
# shellcheck source=interop/checks.sh
. interop/checks.sh
