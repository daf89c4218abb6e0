# shellcheck shell=bash
# Parts of tests: what runs, how far it is, what each took, and the sum of all. To be sourced behind lib.sh.
#
# The caller sets parts, their number, and at the end calls report.

logs=target/test
silence=15 # seconds, after which a part is said to go on
at=0 passed=0 failed=0 skipped=0
summary=()
mkdir -p "$logs"

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# run NAME COMMAND...: shows and keeps its output, and says what it took; sets took, and status to the command's.
run() {
    local name=$1 begin=$SECONDS
    shift
    at=$((at + 1)) status=0
    printf '\n== %d of %d: %s (%s since the start)\n' "$at" "$parts" "$name" "$(clock "$SECONDS")"
    "$@" 2>&1 | keep "$logs/$name.log" "$name" || status=$?
    ended "$name" "$begin"
}

# ended NAME BEGIN: sets took.
ended() {
    took=$((SECONDS - $2))
    printf -- '-- %s took %s\n' "$1" "$(clock "$took")"
}

# keep LOG NAME: what comes goes into the log and on; where nothing comes, it says so, with cargo's last line of
# progress, which ends in no newline.
keep() {
    local line text='' status begin=$SECONDS
    while true; do
        status=0
        IFS= read -r -t "$silence" line || status=$?
        text+=$line
        if [ "$status" -gt 128 ]; then # nothing came in time
            line=${text%$'\r'}
            printf '   ... %s goes on, %s by now %s\n' "$2" "$(clock $((SECONDS - begin)))" "${line##*$'\r'}"
            continue
        fi
        text=${text##*$'\r'} text=${text#$'\e[K'}
        if [ "$status" = 0 ] || [ "$text" ]; then
            printf '%s\n' "$text"
            printf '%s\n' "$text" >&3
        fi
        text=''
        [ "$status" = 0 ] || return 0
    done 3>"$1"
}

# sum NAME: adds up what the log of a part says of its tests.
sum() {
    local name=$1 p f s
    read -r p f s < <(count "$logs/$name.log")
    # A part that failed without saying where: it did not build, or did not come to its end.
    if [ "$status" != 0 ] && [ "$f" = 0 ]; then f=1; fi
    if [ "$status" = 0 ] && [ "$((p + f + s))" = 0 ] && [[ $name == interop* ]]; then p=1; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    summary+=("$(printf '%-24s %5d passed %5d failed %5d skipped %7s' "$name" "$p" "$f" "$s" "$(clock "$took")")")
}

# count LOG: passed, failed and skipped, summed over cargo's "test result:" lines and our own "N passed, N failed".
count() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
        /^test result:/ { gsub(/[.;]/, " "); for (i = 2; i <= NF; i++) { n[$i] += $(i - 1) } }
        /^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ { n["passed"] += $1; n["failed"] += $3; n["ignored"] += $5 }
        END { print n["passed"] + 0, n["failed"] + 0, n["ignored"] + 0 }'
}

# built_in WHAT: a line of the summary for the last run, which has no tests.
built_in() { summary+=("$(printf '%-63s %7s' "$1" "$(clock "$took")")"); }

# report: the summary; succeeds where something has passed and nothing failed.
report() {
    printf '\n== summary\n'
    printf '%s\n' "${summary[@]}"
    printf '%-63s %7s\n' "together" "$(clock "$SECONDS")"
    if [ "$failed" != 0 ]; then echo "The output of each part is in $logs/"; fi
    if [ "$skipped" != 0 ]; then echo "$skipped skipped"; fi
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
