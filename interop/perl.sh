#!/usr/bin/env bash
# Perl's Gearman::Client and Gearman::Worker on our server, and for comparison on the C server.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

for kind in ours C; do
    context="$kind server: "
    # One run a job, so that a timeout of a function is a failure.
    start_server "$kind" -j 1
    background "$PEER_PERL" interop/worker.pl "$port"
    workers=("$pid")
    background "$PEER_PERL" interop/worker.pl "$port" hang
    workers+=("$pid")
    await has_workers perl_reverse 1 || fail 'the worker comes'
    await has_workers perl_hang 1 || fail 'the second worker comes'
    add_up "$PEER_PERL" interop/client.pl "$port" "$kind"
    check_that 'the worker lives' kill -0 "${workers[0]}"
    end "${workers[@]}" "$server"
done
finish
