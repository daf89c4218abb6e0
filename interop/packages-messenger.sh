#!/usr/bin/env bash
# packages/messenger: its PHPUnit tests, and messenger:consume of a Symfony application with many messages, some of which fail and
# are retried with a delay, while workers are ended by SIGTERM and killed: none is lost. With our module and with pecl's.
#
#   PACKAGES_MESSAGES=10000   how many (300)
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/packages-lib.sh
. "$(dirname "$0")/packages-lib.sh"
# shellcheck source=interop/packages/keep.sh
. interop/packages/keep.sh

messages=${PACKAGES_MESSAGES:-300}
app=packages/messenger/tests/app

console() { "$TEST_PHP" "$app/bin/console" "$@"; }
done_of() { sort -u "$NOTES/done" 2>/dev/null | wc -l; }
are_done() { [ "$(done_of)" -ge "$1" ]; }
# Of those that always fail all tries are over, too.
is_over() { are_done "$1" && [[ "$(jobs_of messages)" == "0 "* ]]; }

# ending SIGNAL NAME COUNT: when so many are done. A worker that has not yet begun could not heed a signal.
ending() {
    wait_for 600 are_done "$3" && await has_workers messages 3 && end_kept "$1" "$2"
}

# many ours|pecl
many() {
    local always_fail=$((messages / 50)) name runs
    context="$messages messages, $1 module: "
    export NOTES=$scratch/notes-$1 APP_CACHE_DIR=$scratch/cache-$1 APP_LOG_DIR=$scratch APP_ENV=prod
    # pecl's cannot submit with a delay: retries come at once.
    if [ "$1" = pecl ]; then APP_ENV=pecl; fi
    mkdir "$NOTES"
    rm -f "$scratch"/{stop,ends,kept-*}
    php_script "$1"
    start_server ours
    export MESSENGER_TRANSPORT_DSN=gearman://127.0.0.1:$port
    check_that 'dispatched' console app:dispatch "$messages"
    for name in a b c; do keep "$name" "$TEST_PHP" "$app/bin/console" messenger:consume async --sleep=0.1 --quiet; done

    ending TERM a $((messages / 6))
    ending KILL b $((messages / 3))
    ending KILL c $((messages / 2))
    ending TERM b $((messages / 2))
    check_that 'all are done but those that always fail' wait_for 600 is_over $((messages - always_fail))
    await has_workers messages 3
    check_that 'workers end by SIGTERM' stop_kept
    await lines_in "$scratch/ends" 7
    check 'workers ended well, but those that were killed' $'b 137\nc 137' "$(grep -v ' 0$' "$scratch/ends")"
    check_that 'those that always fail are in the failure transport' [ "$(jobs_of failed | cut -d' ' -f1)" -ge "$always_fail" ]

    touch "$NOTES/healed"
    check_that 'and are consumed from there' console messenger:consume failed --limit="$(jobs_of failed | cut -d' ' -f1)" --quiet
    check 'none is lost' "$messages" "$(done_of)"
    runs=$(wc -l <"$NOTES/done")
    echo "     $messages dispatched, $(done_of) done, $((runs - $(done_of))) of them twice; two workers ended by SIGTERM, two killed"
    end "$server"
}

for module in ours pecl; do
    unit_tests messenger "$module"
    many "$module"
done
finish
