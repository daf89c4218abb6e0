#!/usr/bin/env bash
# Our module and pecl's: each as client and as worker, on our server and on C's.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

for kind in ours C; do
    for w in ours pecl; do
        for c in ours pecl; do
            # Where nothing is ours there is nothing to show.
            if [ "$kind$w$c" = Cpeclpecl ] && [ -z "${REFERENCE:-}" ]; then continue; fi
            context="$kind server, $w worker, $c client: "
            start_server "$kind"
            background php_with "$w" "$root/interop/peer.php" worker "$port"
            await has_workers reverse 1 || fail 'the worker comes'
            add_up timeout 60 bash -c "$(declare -f php_with); PHP='$PHP' MODULE='$MODULE' PECL_PHP='$PECL_PHP' php_with $c '$root/interop/peer.php' client $port"
            end "$pid" "$server"
        done
    done
done
finish
