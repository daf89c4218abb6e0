#!/usr/bin/env bash
# All tests: Rust's, PHP's and the interop scripts. It tells what runs, how far it is and what each part took; the last
# line counts the tests.
#
#   PROFILE=release   tests what users get, which takes minutes more to build (dev)
#
# An interop script is any executable interop/*.sh. It finds the peers in the variables of
# scripts/peers.sh, and ends with a line "N passed, N failed"; without one it counts as one test.
set -euo pipefail
export PROFILE=${PROFILE:-dev}
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

logs=target/test
silence=15 # seconds, after which a part is said to go on
passed=0 failed=0 skipped=0
summary=()
scripts=()
for script in interop/*.sh; do
    if [ -x "$script" ]; then scripts+=("$script"); fi
done
parts=$((3 + ${#scripts[@]})) at=0

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# run NAME COMMAND...: shows and keeps its output, and says what it took; sets took, and status to the command's.
run() {
    local name=$1 begin=$SECONDS
    shift
    at=$((at + 1)) status=0
    printf '\n== %d of %d: %s (%s since the start)\n' "$at" "$parts" "$name" "$(clock "$SECONDS")"
    "$@" 2>&1 | keep "$logs/$name.log" "$name" || status=$?
    took=$((SECONDS - begin))
    printf -- '-- %s took %s\n' "$name" "$(clock "$took")"
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

# part NAME COMMAND...: runs it, and adds up what it says of its tests.
part() {
    local name=$1 p f s
    run "$@"
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

mkdir -p "$logs"
export CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80
run build scripts/build.sh test page
[ "$status" = 0 ] || die "It does not build: $logs/build.log"
summary+=("$(printf '%-63s %7s' "build ($PROFILE)" "$(clock "$took")")")
databases=$(scripts/databases.sh) || [ -z "${CI:-}" ] || die "the databases are missing: scripts/databases.sh"
[ "$databases" ] || say "there are no databases: tests of queues in them are skipped"
set -a
eval "$(scripts/peers.sh)"
eval "$databases"
set +a

part cargo cargo test --workspace --exclude gearman_rs --no-fail-fast
part phpt php-tests/run.sh
for script in "${scripts[@]}"; do part "interop-$(basename "$script" .sh)" "$script"; done

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
printf '%-63s %7s\n' "together" "$(clock "$SECONDS")"
if [ "$failed" != 0 ]; then echo "The output of each part is in $logs/"; fi
if [ "$skipped" != 0 ]; then echo "$skipped skipped"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
