# shellcheck shell=bash
# Parts of tests side by side. To be sourced behind lib.sh, as parts.sh, which it brings.
# shellcheck source=scripts/parts.sh
. scripts/parts.sh

# side_by_side SCRIPT...: parts that mostly wait, JOBS of them at a time. What one prints is shown when it has ended, so that
# nothing is mixed.
declare -A running=() began=()
side_by_side() {
    local script name
    # What runs in the background does not hear Ctrl-C.
    trap 'stop "${running[@]}"; exit 130' INT TERM HUP
    for script in "$@"; do
        if [ ${#running[@]} -ge "${JOBS:-2}" ]; then await_one; fi
        name=interop-$(basename "$script" .sh)
        at=$((at + 1)) began[$name]=$SECONDS
        printf '\n== %d of %d: %s begins (%s since the start)\n' "$at" "$parts" "$name" "$(clock "$SECONDS")"
        "$script" >"$logs/$name.log" 2>&1 </dev/null &
        running[$name]=$!
    done
    while [ ${#running[@]} -gt 0 ]; do await_one; done
    trap - INT TERM HUP
}

# await_one: until one of those that run has ended, and shows what it printed.
await_one() {
    local name told=$SECONDS
    while true; do
        for name in "${!running[@]}"; do
            if gone "${running[$name]}"; then break 2; fi
        done
        if [ $((SECONDS - told)) -ge "$silence" ]; then
            told=$SECONDS
            for name in "${!running[@]}"; do
                printf '   ... %s goes on, %s by now\n' "$name" "$(clock $((SECONDS - began[$name])))"
            done
        fi
        sleep 0.1
    done
    status=0
    wait "${running[$name]}" || status=$?
    printf '\n-- %s:\n' "$name"
    cat "$logs/$name.log"
    ended "$name" "${began[$name]}"
    sum "$name"
    unset "running[$name]"
}
