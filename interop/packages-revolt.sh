#!/usr/bin/env bash
# packages/revolt: its PHPUnit tests with Revolt itself, and the examples of event loops. With our module: pecl's has no call for them.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/packages-lib.sh
. "$(dirname "$0")/packages-lib.sh"

if revolt=$(peers/revolt.sh); then
    eval "$revolt"
    export REVOLT_CLASSES
    BOOTSTRAP=$root/packages/revolt/tests/autoload.php unit_tests revolt ours
elif [ "${CI:-}" ]; then
    fail 'there is no Revolt'
else
    skip 'Revolt cannot be had'
fi

# example NAME: the results of its jobs, and that its timer went on meanwhile.
example() {
    local said
    context="$1: "
    said=$("$TEST_PHP" "$root/examples/loops/$1.php" "127.0.0.1:$port" 2>&1)
    check 'results' 'eno owt eerht' "$(sed -n 's/^results: //p' <<<"$said")"
    check_that 'a timer went on' grep -q '^ticks: [1-9]' <<<"$said"
}
php_script ours
start_server ours
background "$TEST_PHP" "$root/examples/loops/worker.php" "127.0.0.1:$port"
await has_workers reverse 1
example select
example amp
if [ "${REVOLT_CLASSES:-}" ]; then example revolt; fi
finish
