#!/usr/bin/env bash
# Python's gear on our server, and for comparison on the C server.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -z "$PEER_PYTHON" ]; then
    if [ "${CI:-}" ]; then fail 'there is no python3 with pip'; else skip 'Python: there is no python3 with pip'; fi
    finish
fi

for kind in ours C; do
    context="$kind server: "
    start_server "$kind"
    background "$PEER_PYTHON" interop/worker.py "$port"
    worker=$pid
    await has_workers python_reverse 1 || fail 'the worker comes'
    add_up "$PEER_PYTHON" interop/client.py "$port" "$kind"
    check_that 'the worker lives' kill -0 "$worker"
    end "$worker" "$server"
done
finish
