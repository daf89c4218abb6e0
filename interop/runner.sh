#!/usr/bin/env bash
# gearman-runner with PHP workers, with our module and with pecl's, on our server and on C's: jobs go on while processes are replaced,
# killed, and become more and fewer. RUNNER_JOBS=2000: so many for each of them.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=interop/runner-lib.sh
. interop/runner-lib.sh

jobs=${RUNNER_JOBS:-600}

# reloads MODULE: while jobs run all the time.
reloads() {
    start_runner "$1" 5000 'processes = 4'
    wait_for 60 at_work 4 || fail 'four are at work'
    submit 0 "$jobs" >>"$log" 2>&1 &
    local submitting=$! n
    children+=("$submitting")
    for n in 1 2 3; do
        if [ "$n" = 2 ]; then kill -HUP "$runner"; else "$RUNNER" --socket "$scratch/runner.sock" reload >/dev/null; fi
        wait_for 60 column_is 9 $((4 + 4 * n)) || fail "reload $n replaces all"
        wait_for 60 at_work 4 || fail "reload $n comes to its end"
    done
    wait "$submitting"
    check 'all jobs are submitted' 0 $?
    wait_for 60 all_done "$jobs" || fail 'all jobs end'
    check 'each job was begun once' "$jobs $jobs" "$(grep -c '^begin' "$notes") $(distinct begin)"
    check 'and ended once' "$jobs $jobs" "$(grep -c '^end' "$notes") $(distinct end)"
    check 'nobody has crashed' '16 0' "$(column 9) $(column 10)"
    stop_runner 0
}

# killed MODULE: processes in the midst of their jobs.
killed() {
    start_runner "$1" 5000 'processes = 4'
    wait_for 60 at_work 4 || fail 'four are at work'
    submit 0 "$jobs" || fail 'jobs are submitted'
    for _ in 1 2 3 4 5 6; do
        wait_for 60 at_work 4 || fail 'all four are at work again'
        kill -KILL "$(a_pid)"
    done
    wait_for 60 all_done "$jobs" || fail 'all jobs end'
    check 'no job is lost though workers are killed' "$jobs" "$(distinct end)"
    stop_runner 0
}

# bursts MODULE: as many as there are jobs for.
bursts() {
    start_runner "$1" 100000 $'min = 1\nmax = 4\ngrow-after = "300ms"\nshrink-after = "2s"'
    for burst in 1 2; do
        wait_for 60 at_work 1 || fail "one is at work before burst $burst"
        submit $((60 * burst - 60)) $((60 * burst)) || fail 'jobs are submitted'
        wait_for 60 column_is 3 4 || fail "burst $burst has four at work"
        wait_for 60 ended $((burst * 60)) || fail "burst $burst is worked off"
        check_that "after burst $burst one is left" wait_for 60 at_work 1
    done
    check 'each burst was worked off once' 120 "$(grep -c '^end' "$notes")"
    stop_runner 0
}

for kind in ours C; do
    start_server "$kind"
    for module in ours pecl; do
        context="$kind server, $module module: "
        reloads "$module"
        killed "$module"
        bursts "$module"
    done
    end "$server"
done

start_server ours
context='jobs that are counted: '
for module in ours pecl; do
    start_runner "$module" 0 $'max-jobs = 100'
    wait_for 60 at_work 1 || fail 'one is at work'
    first=$(a_pid)
    submit 0 150 || fail 'jobs are submitted'
    check_that "$module: it is replaced" wait_for 60 gone "$first"
    check_that 'by a reason that is told' grep -q "work: $first is replaced: jobs" "$log"
    wait_for 60 all_done 150 1 || fail 'all jobs end'
    stop_runner 0
done

context='examples/runner: '
example=examples/runner
sed "s|127.0.0.1:4730|127.0.0.1:$port|; s|/tmp/.*sock|runner.sock|; s|\"php\"|'$PHP', '-n', '-d', 'extension=$MODULE'|" \
    "$example/runner.toml" >"$scratch/runner.toml"
cp "$example/worker.php" "$scratch"
WORKER_SERVERS=127.0.0.1:$port background "$RUNNER" --config "$scratch/runner.toml"
runner=$pid
await has_workers reverse 1 || fail 'its worker comes'
check 'its worker works' olleh "$("$GEARMAN" -h 127.0.0.1 -p "$port" -f reverse hello)"
stop_runner 0
check 'the file as it is' "$example/runner.toml: good, 1 groups" "$("$RUNNER" --config "$example/runner.toml" --check-config)"
sed 's/^#\([a-z[]\)/\1/; /^user/d' contrib/gearman-runner.toml >"$scratch/runner.toml"
check 'the file of contrib, with its group' "$scratch/runner.toml: good, 1 groups" "$("$RUNNER" --config "$scratch/runner.toml" --check-config 2>>"$log")"
finish
