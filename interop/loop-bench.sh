#!/usr/bin/env bash
# What an event loop costs: 500 tasks in flight over two servers by poll(), beside runTasks(), and how late a timer of 10 ms comes
# meanwhile. It measures and prints, and fails only where a task does.
#
#   LOOP_TASKS=500 LOOP_ROUNDS=10
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

ports=()
for _ in 1 2; do
    start_server ours
    ports+=("$port")
done
for port in "${ports[@]}"; do
    background "$PHP" -n -d "extension=$MODULE" bench/echo.php "$port"
    await has_workers echo 1
done

measure() { (php_with ours bench/loop.php "${ports[@]}" "${LOOP_TASKS:-500}" "${LOOP_ROUNDS:-10}"); }
measured=$(measure 2>&1)
echo "$measured"
check 'both ways of both kinds' 2 "$(grep -c 'quotient .*longest turn' <<<"$measured")"
finish
