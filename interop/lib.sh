# shellcheck shell=bash
# What the interop scripts share: the peers, servers of both kinds, checks. To be sourced.
#
# A script calls check, check_lines, pass, fail or skip for each thing it shows, and finish at its end.
# REFERENCE=1 also runs the pairings in which nothing is ours: what they fail is wrong in the script.
set -uo pipefail
# shellcheck source=../scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

if [ -z "${C_GEARMAND:-}" ]; then
    peers=$(scripts/peers.sh) || die "the peers are missing: scripts/peers.sh"
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
passed=0 failed=0 skipped=0

clean_up() {
    trap '' INT TERM HUP
    trap - EXIT
    stop "${children[@]}"
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- programs of both kinds: "ours" and "C", or "ours" and "pecl" ---

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

# start_server ours|C [ARGUMENT...]: sets port and server (its pid). The port was free just now; if
# another took it meanwhile, once more.
start_server() {
    local program=$GEARMAND
    if [ "$1" = C ]; then program=$C_GEARMAND; fi
    shift
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        # Of a server that had this port before.
        rm -f "$scratch/gearmand-$port.log"
        background "$program" -p "$port" -L 127.0.0.1 -l "$scratch/gearmand-$port.log" \
            -P "$scratch/gearmand-$port.pid" "${server_user[@]}" "$@"
        server=$pid
        if wait_for 10 is_up_or_gone && ! gone "$server"; then return; fi
        end "$server"
    done
    cat "$log" >&2
    die "$program does not start"
}
# The pid tells our server from another one on a port that was not free after all.
is_up_or_gone() { [ "$(ask "$port" getpid)" = "OK $server" ] || gone "$server"; }

# admin COMMAND: the server's whole list, without the line of a single dot.
admin() (
    exec 2>/dev/null # that nobody listens yet
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
    printf '%s\n' "$1" >&3
    while IFS= read -r -t 5 line <&3 && [ "$line" != . ]; do printf '%s\n' "$line"; done
)
# jobs FUNCTION: total, running and workers, separated by blanks.
jobs_of() { admin status | awk -F '\t' -v f="$1" '$1 == f { print $2, $3, $4; found = 1 } END { if (!found) print "0 0 0" }'; }
jobs_are() { [ "$(jobs_of "$1")" = "$2" ]; }
has_workers() { [[ "$(jobs_of "$1")" == *" $2" ]]; }

# await CONDITION...: for so long as a working program may need on a busy machine.
await() { wait_for 10 "$@" || { say "waited in vain: $*"; return 1; }; }
lines_in() { [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
exists() { [ -e "$1" ]; }

# --- checks ---

context='' # said before each name
pass() { passed=$((passed + 1)) && printf 'ok   %s%s\n' "$context" "$1"; }
fail() { failed=$((failed + 1)) && printf 'FAIL %s%s%s\n' "$context" "$1" "${2:+: $2}"; }
skip() { skipped=$((skipped + 1)) && printf 'skip %s%s\n' "$context" "$1"; }

# check NAME WANTED GOT
check() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted $(shown "$2"), got $(shown "$3")"; fi
}
# check_that NAME COMMAND...: the command succeeds.
check_that() {
    local name=$1
    shift
    if "$@"; then pass "$name"; else fail "$name" "failed: $*"; fi
}
# In one line, as the shell would quote it.
shown() { if [ ${#1} -gt 400 ]; then printf '%q... (%d characters)' "${1:0:400}" ${#1}; else printf '%q' "$1"; fi; }

# add_up COMMAND...: runs a program that prints lines of checks itself, and counts them.
add_up() {
    local before=$((passed + failed + skipped)) line
    while IFS= read -r line; do
        case $line in
        'ok '*) pass "${line#ok   }" ;;
        'FAIL '*) fail "${line#FAIL }" ;;
        'skip '*) skip "${line#skip }" ;;
        *) printf '%s\n' "$line" ;;
        esac
    # In a shell of its own, which php_with replaces.
    done < <(("$@") 2>>"$log" || echo "FAIL ${*:1:3}: ended with $?")
    if [ $((passed + failed + skipped)) = "$before" ]; then fail "$*" "checked nothing"; fi
}

finish() {
    if [ "$failed" != 0 ] && [ -s "$log" ]; then
        echo "-- what the programs said besides:"
        tail -n 40 "$log"
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}
