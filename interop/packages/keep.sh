# shellcheck shell=bash
# Workers of a framework that are started again whenever they end, and are ended in between. To be sourced behind packages-lib.sh.

# keep NAME COMMAND...: keeps the command running, until stop_kept.
keep() { background run_again "$@"; }
run_again() {
    local name=$1
    shift
    until [ -e "${scratch:?}/stop" ]; do
        "$@" &
        echo $! >"$scratch/kept-$name"
        wait $!
        echo "$name $?" >>"$scratch/ends"
    done
}

# end_kept SIGNAL NAME: waits until the next one runs.
end_kept() {
    local pid
    pid=$(cat "$scratch/kept-$2")
    ends_by "$1" "$pid" other_pid "$2" "$pid"
}
other_pid() { [ "$(cat "$scratch/kept-$1")" != "$2" ]; }

# stop_kept: all of them, as an operator does; fails where one does not end.
stop_kept() {
    local file pid
    touch "$scratch/stop"
    for file in "$scratch"/kept-*; do
        pid=$(cat "$file")
        ends_by TERM "$pid" gone "$pid" || return 1
    done
}
