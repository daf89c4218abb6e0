# shellcheck shell=bash
# A job server of either kind, and what it says of itself. Sourced by lib.sh.

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
# end_workers PID...: all of the server's. Until it has seen their end it counts them, and one could be taken for the next that comes.
end_workers() {
    end "$@"
    await is_deserted || fail 'the server sees its workers end'
}
is_deserted() { admin status | awk -F '\t' '$4 > 0 { exit 1 }'; }

# tool_worker KIND FUNCTION ARGUMENT...: a command line tool as worker, which the server knows then. Sets pid, and adds it to workers.
tool_worker() {
    local kind=$1 function=$2
    shift 2
    background "$(tool "$kind")" -h 127.0.0.1 -p "$port" -w -f "$function" "$@"
    workers+=("$pid")
    await has_workers "$function" 1 || fail "$function has a worker"
}
