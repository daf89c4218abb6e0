#!/usr/bin/env bash
# What the module can do with a job beyond pecl's: at a moment, cancelled, looked at, on our server and on C's; and such jobs
# run by pecl's worker.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

for kind in ours C; do
    start_server "$kind"
    for worker in ours pecl; do
        context="$kind server, $worker worker: "
        add_up php_with ours interop/jobs.php "$port" submit "$kind" "at_$worker"
        add_up php_with "$worker" interop/jobs.php "$port" work "$kind" "at_$worker"
    done
    context="$kind server: "
    add_up php_with ours interop/jobs.php "$port" cancel "$kind" cancel
    check_that 'still runs at the end' kill -0 "$server"
    end "$server"
done
finish
