# shellcheck shell=bash
# Parts of tests side by side: most of what they do is to wait. To be sourced behind lib.sh, as parts.sh, which it brings.
# shellcheck source=scripts/parts.sh
. scripts/parts.sh

declare -A running=() began=()
limit=${PART_MINUTES:-45} # after which a part hangs: a test waits for what never comes

# beside NAME COMMAND...: a part, as soon as fewer than JOBS of them run (4). Its lines are shown behind its name.
beside() {
    local name=$1
    shift
    while [ ${#running[@]} -ge "${JOBS:-4}" ]; do await_one; done
    at=$((at + 1)) began[$name]=$SECONDS
    printf '\n== %d of %d: %s (%s since the start)\n' "$at" "$parts" "$name" "$(clock "$SECONDS")"
    # A process group of its own, so that all of it can be ended.
    set -m
    { "$@" 2>&1 </dev/null | keep "$logs/$name.log" "$name" | sed -u "s/^/$name: /"; } &
    set +m
    running[$name]=$!
}

await_one() {
    local name
    while true; do
        for name in "${!running[@]}"; do
            if gone "${running[$name]}"; then break 2; fi
            if [ $((SECONDS - began[$name])) -ge $((limit * 60)) ]; then
                printf '%s: is ended, as it takes more than %d minutes; the last line of %s/%s.log says where it was\n' "$name" "$limit" "$logs" "$name"
                kill -KILL -- "-${running[$name]}" 2>/dev/null || true
            fi
        done
        sleep 0.1
    done
    status=0
    wait "${running[$name]}" || status=$?
    unset "running[$name]"
    ended "$name" "${began[$name]}"
    sum "$name"
}

await_all() { while [ ${#running[@]} -gt 0 ]; do await_one; done; }

end_all() {
    local group
    for group in "${running[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
    await_all >/dev/null
}
trap 'end_all; exit 130' INT
trap 'end_all; exit 143' TERM HUP
