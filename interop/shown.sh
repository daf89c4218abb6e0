#!/usr/bin/env bash
# What the command line tools, ours and C's, show of a worker in PHP that sends everything a worker can send, on both servers.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

# shown_by C|ours FUNCTION: what a client shows of a job on standard output and on standard error, and its
# status. Unbuffered, as C's would else keep the statuses back until its end.
shown_by() {
    timeout 30 stdbuf -o0 "$(tool "$1")" -h 127.0.0.1 -p "$port" -f "$2" text >"$scratch/out" 2>"$scratch/err"
    printf 'status %s, output %s, errors %s' $? "$(od -An -c "$scratch/out")" "$(od -An -c "$scratch/err")"
}

for kind in ours C; do
    start_server "$kind"
    for php in ours pecl; do
        background php_with "$php" interop/worker.php "$port" "$php-worker"
        worker=$pid
        await has_workers story 1 || fail 'the PHP worker comes'
        context="$kind server, worker in PHP ($php): "
        for function in echo story fail return_fail; do
            check "what gearman shows of '$function'" "$(shown_by C "$function")" "$(shown_by ours "$function")"
        done
        # As a job that fails. C's client never hears of it on the C server, and waits for ever.
        for function in raise throw; do
            check "what gearman shows of '$function'" "$(shown_by ours return_fail)" "$(shown_by ours "$function")"
            if [ "$kind" = ours ]; then
                check "what C's gearman shows of '$function'" "$(shown_by C return_fail)" "$(shown_by C "$function")"
            fi
        done
        head -c 1000000 /dev/urandom >"$scratch/large"
        printf '\0\n\0' >>"$scratch/large"
        for c in ours C; do
            timeout 30 "$(tool "$c")" -h 127.0.0.1 -p "$port" -f echo <"$scratch/large" >"$scratch/large.back"
            check_that "1 MB with NUL bytes, $c tool" cmp -s "$scratch/large" "$scratch/large.back"
        done
        end_workers "$worker"
    done
    end "$server"
done
finish
