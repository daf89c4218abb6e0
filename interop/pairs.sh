#!/usr/bin/env bash
# All that a client in PHP can ask of a worker in PHP, with our module and with pecl's, on our server and
# on the C server: every pairing in which something is ours and something is not.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

for kind in ours C; do
    start_server "$kind"
    for worker in ours pecl; do
        background php_with "$worker" interop/worker.php "$port" interop-worker
        workers=("$pid")
        background php_with "$worker" interop/shout.php "$port"
        workers+=("$pid")

        context="$kind server, $worker worker: "
        await has_workers echo 1 || fail 'the worker comes'
        await has_workers shout 1 || fail 'the second worker comes'
        functions=$(admin workers | sed -n 's/.* interop-worker : //p' | tr ' ' '\n' | sort | tr '\n' ' ')
        check 'id and functions in the list of workers' \
            'about context echo fail hold limited nested note pieces raise return_fail story throw ' "$functions"

        for client in ours pecl; do
            case $client-$worker-$kind in
            ours-ours-ours) continue ;; # the phpt tests
            pecl-pecl-C) [ "${REFERENCE:-}" ] || continue ;;
            esac
            context="$kind server, $worker worker, $client client: "
            mkdir "$scratch/$kind-$worker-$client"
            add_up php_with "$client" interop/client.php "$port" "$scratch/$kind-$worker-$client"
        done
        end_workers "${workers[@]}"
    done
    context="$kind server: "
    check_that 'still runs at the end' kill -0 "$server"
    end "$server"
done
finish
