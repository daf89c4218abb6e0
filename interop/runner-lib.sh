# shellcheck shell=bash
# A runner of PHP workers that write down what they do, and what it says of them. Sourced by runner.sh, behind lib.sh.

RUNNER=$built/gearman-runner
[ -f "$RUNNER" ] || die "$RUNNER is missing: make build"

# start_runner MODULE MICROSECONDS LINES: with so long a job, and more lines for its group. Sets runner.
start_runner() {
    local command
    if [ "$1" = ours ]; then
        command="['$PHP', '-n', '-d', 'extension=$MODULE'"
    else
        command="['$PECL_PHP'"
    fi
    notes=$scratch/notes
    : >"$notes"
    cat >"$scratch/runner.toml" <<END
servers = "127.0.0.1:$port"
socket = "runner.sock"
look = "100ms"
[group.work]
command = $command, '$root/interop/runner.php', 'work', '$port', '$notes']
functions = "work"
env = { JOB_MICROSECONDS = "$2" }
settle = "500ms"
$3
END
    background "$RUNNER" --config "$scratch/runner.toml"
    runner=$pid
    wait_for 60 answers || fail 'the runner answers'
}
answers() { "$RUNNER" --socket "$scratch/runner.sock" status >"$scratch/status" 2>&1; }
# column N: of the group: 3 is RUNNING, 4 WANTED, 9 STARTS, 10 CRASHES.
column() { answers && awk -v n="$1" '$1 == "GROUP" && $2 == "STATE" { getline; print $n }' "$scratch/status"; }
column_is() { [ "$(column "$1")" = "$2" ]; }
at_work() { column_is 3 "$1" && [ "$(grep -c '^work .*running ' "$scratch/status")" = "$1" ]; }
a_pid() { answers && awk '$1 == "work" && $3 == "running" { print $2; exit }' "$scratch/status"; }
submit() ( php_with ours "$root/interop/runner.php" submit "$port" - "$1" "$2" )
distinct() { grep "^$1 " "$notes" | sort -u | wc -l; }
ended() { [ "$(distinct end)" -ge "$1" ]; }
all_done() { ended "$1" && jobs_are work "0 0 ${2:-4}"; }
# stop_runner STATUS: it ends as it should.
stop_runner() {
    kill -TERM "$runner"
    wait "$runner"
    check 'the runner ends' "$1" $?
    end "$runner"
    wait_for 60 jobs_are work '0 0 0' || fail 'no worker is left'
}
