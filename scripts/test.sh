#!/usr/bin/env bash
# All tests: Rust's, PHP's and the interop scripts. The last line counts them.
#
# An interop script is any executable interop/*.sh. It finds the peers in the variables of
# scripts/peers.sh, and ends with a line "N passed, N failed"; without one it counts as one test.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

logs=target/test
passed=0 failed=0 skipped=0
summary=()

# part NAME COMMAND...: runs it, shows and keeps its output, and adds up what its count_ function reads.
part() {
    local name=$1 log=$logs/$1.log status=0 begin=$SECONDS p f s
    shift
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log" || status=$?
    read -r p f s < <(count "$log")
    # A part that failed without saying where: it did not build, or did not come to its end.
    if [ "$status" != 0 ] && [ "$f" = 0 ]; then f=1; fi
    if [ "$status" = 0 ] && [ "$((p + f + s))" = 0 ] && [[ $name == interop* ]]; then p=1; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    summary+=("$(printf '%-24s %5d passed %5d failed %5d skipped %5d s' "$name" "$p" "$f" "$s" $((SECONDS - begin)))")
}

# count LOG: passed, failed and skipped, summed over cargo's "test result:" lines and our own "N passed, N failed".
count() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
        /^test result:/ { gsub(/[.;]/, " "); for (i = 2; i <= NF; i++) { n[$i] += $(i - 1) } }
        /^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ { n["passed"] += $1; n["failed"] += $3; n["ignored"] += $5 }
        END { print n["passed"] + 0, n["failed"] + 0, n["ignored"] + 0 }'
}

scripts/need.sh build test
set -a
eval "$(scripts/peers.sh)"
set +a
scripts/build.sh
mkdir -p "$logs"

part cargo cargo test --workspace --exclude gearman_rs --no-fail-fast
part phpt php-tests/run.sh
for script in interop/*.sh; do
    if [ -x "$script" ]; then part "interop-$(basename "$script" .sh)" "$script"; fi
done

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
if [ "$failed" != 0 ]; then echo "The output of each part is in $logs/"; fi
if [ "$skipped" != 0 ]; then echo "$skipped skipped"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
