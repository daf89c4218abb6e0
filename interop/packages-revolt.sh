#!/usr/bin/env bash
# packages/revolt: its PHPUnit tests with Revolt itself, and the examples of event loops. With our module: pecl's has no call for them.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/packages-lib.sh
. "$(dirname "$0")/packages-lib.sh"
# shellcheck source=interop/packages/install.sh
. interop/packages/install.sh

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
# pages: composer installs the package, and the worker and the client that the page shows do their jobs. Revolt is Debian's, which composer
# does not know.
pages() {
    local page=packages/revolt/README.md name
    context=''
    install_as "$page" revolt/event-loop:1.0.0
    for name in worker client; do
        "$TEST_PHP" interop/packages/shown.php program "$page" "// $name.php" | sed "s/:4730/:$port/" >"$scratch/project/$name.php"
    done
    background shown worker
    await has_workers reverse 1
    check "$page: what its client prints" $'eno\nowt\neerht' "$(shown client 2>>"$log")"
    check_that "$page: its worker ends by SIGTERM" end_worker
}
shown() { cd "$scratch/project" && exec "$TEST_PHP" -d auto_prepend_file="$root/packages/revolt/tests/autoload.php" "$1.php"; }
# It did not: what waits for the signal kept the loop going.
end_worker() { ends_by TERM "$pid" gone "$pid" && wait "$pid"; }

php_script ours
start_server ours
if [ "${REVOLT_CLASSES:-}" ]; then pages; fi
background "$TEST_PHP" "$root/examples/loops/worker.php" "127.0.0.1:$port"
await has_workers reverse 1
example select
if "$TEST_PHP" -r 'exit((int) !stream_resolve_include_path("Amp/autoload.php"));'; then example amp; else skip 'amp: the system has no php-amphp-amp'; fi
if [ "${REVOLT_CLASSES:-}" ]; then example revolt; fi
finish
