#!/usr/bin/env bash
# The command line tools and the job server, each ours or C's, in all combinations.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

head -c 1000000 /dev/urandom >"$scratch/payload"
printf '\0\0\n\0' >>"$scratch/payload"

# tools SERVER WORKER CLIENT
tools() {
    local w=$2 p="$2_$3" workers=() out copy="$scratch/$1_$2_$3"
    local client=(timeout 30 "$(tool "$3")" -h 127.0.0.1 -p "$port")
    context="$1 server, $2 worker, $3 client: "

    tool_worker "$w" "${p}_wc" -- wc -l
    check 'wc -l' "$(wc -l </etc/passwd)" "$("${client[@]}" -f "${p}_wc" </etc/passwd)"

    # Read to its end before a byte is written: C's worker writes all of the data first, and would
    # block where the command does not read it.
    # shellcheck disable=SC2016
    tool_worker "$w" "${p}_copy" -- sh -c 'cat >"$0" && cat "$0"' "$copy"
    "${client[@]}" -f "${p}_copy" <"$scratch/payload" >"$copy.result"
    check_that '1 MB with NUL bytes' cmp -s "$scratch/payload" "$copy.result"

    tool_worker "$w" "${p}_cat" -- cat
    check 'several data arguments' onetwothree "$("${client[@]}" -f "${p}_cat" one two three)"
    check 'one job a line' $'a\nb' "$(printf 'a\nb\n' | "${client[@]}" -n -f "${p}_cat")"
    check 'no data' 0 "$("${client[@]}" -s -f "${p}_wc")"

    tool_worker "$w" "${p}_false" -- false
    "${client[@]}" -f "${p}_false" x >/dev/null 2>&1
    check 'a command that fails' 1 $?

    # Without a worker: queued, in the order of priorities, one for a unique key.
    out=$("${client[@]}" -b -L -f "${p}_log" low
        "${client[@]}" -b -f "${p}_log" normal
        "${client[@]}" -b -I -f "${p}_log" high
        "${client[@]}" -b -u "$p" -f "${p}_log" unique
        "${client[@]}" -b -u "$p" -f "${p}_log" unique)
    check 'background prints nothing' '' "$out"
    check 'a unique key is queued once' '4 0 0' "$(jobs_of "${p}_log")"
    # shellcheck disable=SC2016
    tool_worker "$w" "${p}_log" -- sh -c 'cat >>"$0"; echo >>"$0"' "$copy.order"
    await jobs_are "${p}_log" '0 0 1'
    check priorities 'high normal unique low' "$(tr '\n' ' ' <"$copy.order" | sed 's/ $//')"

    end "${workers[@]}"
    context=''
}

for kind in ours C; do
    start_server "$kind"
    for w in ours C; do
        for c in ours C; do tools "$kind" "$w" "$c"; done
    done
    end "$server"
done
finish
