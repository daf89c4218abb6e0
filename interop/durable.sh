#!/usr/bin/env bash
# The durable queue in one file, kept by C gearmand and by ours in turn: what one wrote before it was ended
# or killed, the other runs, in the same order and with the same keys.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/queue.sh
. "$(dirname "$0")/queue.sh"

for first in C ours; do
    for second in ours C; do
        [ "$first$second" != CC ] || [ "${REFERENCE:-}" ] || continue
        for how in TERM KILL; do
            context="$first, ended by $how, then $second: "
            file=$scratch/$first-$second-$how.db
            start_on "$first" "$file"
            submit "$first" -u low -L 'of low priority'
            submit "$first" -u normal 'a workload'
            submit "$first" -u other 'another'
            submit "$first" -u high -I 'of high priority'
            check 'all are taken' '4 0 0' "$(jobs_of f)"
            kill_by "$how"
            start_on "$second" "$file"
            check 'all come back' '4 0 0' "$(jobs_of f)"
            submit "$second" -u normal 'the same key'
            check 'their keys too' '4 0 0' "$(jobs_of f)"
            run_all 4
            check 'in their order' $'high=of high priority\nnormal=a workload\nother=another\nlow=of low priority' \
                "$(cat "$ran")"
            await jobs_are f '0 0 0'
            end "$server"
            start_on "$first" "$file"
            check 'what has run is gone' '0 0 0' "$(jobs_of f)"
            end "$server"
        done
    done
done

context='ours: '
file=$scratch/keys.db
start_on ours "$file"
for workload in one two; do
    submit ours "$workload"
    submit ours -u - "$workload"
done
kill_by KILL
start_on C "$file"
check 'jobs without a key of their own are as many in C gearmand' '4 0 0' "$(jobs_of f)"
end "$server"
finish
