#!/usr/bin/env bash
# `gearmand -d`, with no other option, as people start it: port 4730, log and pid file in their usual
# places. In namespaces of its own: there the port is free, an empty folder covers /var, and no server
# outlives the script, whatever happens.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -z "${IN_NAMESPACE:-}" ]; then
    case $root in /var/*) skip 'gearmand -d: this checkout is below /var, which the test covers' && finish ;; esac
    enter=(unshare -rnmpf --mount-proc --kill-child)
    if ! "${enter[@]}" sh -c 'ip link set lo up && mount -t tmpfs tmpfs /var' 2>/dev/null; then
        skip 'gearmand -d: namespaces cannot be had here'
        finish
    fi
    rm -rf "$scratch"
    exec env IN_NAMESPACE=1 TMPDIR=/tmp "${enter[@]}" "$root/interop/$(basename "$0")"
fi

ip link set lo up
port=4730
served_by() { [[ "$(ask 4730 getpid)" =~ ^OK\ [0-9]+$ ]]; }
server_pid() { ask 4730 getpid | cut -d' ' -f2; }
no_answer() { ! listens 4730; }

# daemon PID_FILE ARGUMENT...: starts it, looks at it, uses it, ends it. The pid file holds this.
daemon() {
    local server said pid_file=$1
    shift
    # All that it printed: comes to an end only when the daemon has let go of it.
    said=$(timeout 10 "$GEARMAND" -d "$@" 2>"$scratch/errors")
    check 'the command ends, the daemon keeps no output open' '0 ' "$? $said"
    check_that 'answers on port 4730' await served_by || return
    server=$(server_pid)
    check 'no terminal' '?' "$(ps -o tty= -p "$server" | tr -d ' ')"
    check_that "another session than its caller's" test "$(ps -o sid= -p "$server")" != "$(ps -o sid= -p $$)"
    check 'its parent is the first process' 1 "$(ps -o ppid= -p "$server" | tr -d ' ')"
    check 'its folder is /' / "$(readlink "/proc/$server/cwd")"
    check 'pid file' "$pid_file" "$(sed "s/^$server\$/its own/" /var/gearmand.pid 2>/dev/null || echo none)"
    background "$GEARMAN" -w -f wc -- wc -l
    await has_workers wc 1 || fail 'the worker comes'
    check 'serves' "$(wc -l </etc/passwd)" "$("$GEARMAN" -f wc </etc/passwd)"
    check 'serves C' "$(wc -l </etc/passwd)" "$("$C_GEARMAN" -f wc </etc/passwd)"
    end "$pid"
    kill -TERM "$server"
    check_that 'SIGTERM ends it' await gone "$server"
    check_that 'the port is free again' await no_answer
    check_that 'the pid file is gone' test ! -e /var/gearmand.pid
}

mount -t tmpfs tmpfs /var
mkdir /var/log
context='gearmand -d -u root: '
daemon 'its own' -u root
check 'says nothing' '' "$(cat "$scratch/errors")"
check_that 'log file' test -e /var/log/gearmand.log
context='gearmand -d: '
daemon 'its own'

# A restart by `kill` and `gearmand`, with nothing in between, and a socket in the folder it is called from.
context='kill; gearmand -d: '
cd "$scratch" || exit
"$GEARMAND" -d -u root -L 127.0.0.1 -L unix://socket
first=$(server_pid)
kill -TERM "$first"
"$GEARMAND" -d -u root -L 127.0.0.1 -L unix://socket
check 'the second starts' 0 $?
second=$(server_pid)
check 'the pid file is its own' "$second" "$(cat /var/gearmand.pid)"
check 'so is the socket' "$second" "$("$GEARADMIN" -h "unix://$scratch/socket" --getpid)"
kill -USR1 "$second"
check_that 'SIGUSR1 ends it' await gone "$second"
check_that 'nothing is left' test ! -e /var/gearmand.pid -a ! -e socket
cd "$root" || exit

# As a user who may not write there.
context='gearmand -d, nothing may be written: '
rm -rf /var/log
mount -o remount,ro /var
daemon none
check 'says that there is no log file' 1 "$(grep -c '/var/log/gearmand.log' "$scratch/errors")"
finish
