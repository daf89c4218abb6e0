# shellcheck shell=bash
# What a script shows, counted; the names of checks, and the last line. Sourced by lib.sh.

passed=0 failed=0 skipped=0
context='' # said before each name
pass() { passed=$((passed + 1)) && printf 'ok   %s%s\n' "$context" "$1"; }
fail() { failed=$((failed + 1)) && printf 'FAIL %s%s%s\n' "$context" "$1" "${2:+: $2}"; }
skip() { skipped=$((skipped + 1)) && printf 'skip %s%s\n' "$context" "$1"; }

# check NAME WANTED GOT
check() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted $(shown "$2"), got $(shown "$3")"; fi
}
# check_that NAME COMMAND...: the command succeeds.
check_that() {
    local name=$1
    shift
    if "$@"; then pass "$name"; else fail "$name" "failed: $*"; fi
}
# In one line, as the shell would quote it.
shown() { if [ ${#1} -gt 400 ]; then printf '%q... (%d characters)' "${1:0:400}" ${#1}; else printf '%q' "$1"; fi; }

# add_up COMMAND...: runs a program that prints lines of checks itself, and counts them.
add_up() {
    local before=$((passed + failed + skipped)) line
    while IFS= read -r line; do
        case $line in
        'ok '*) pass "${line#ok   }" ;;
        'FAIL '*) fail "${line#FAIL }" ;;
        'skip '*) skip "${line#skip }" ;;
        *) printf '%s\n' "$line" ;;
        esac
    # In a shell of its own, which php_with replaces.
    done < <(("$@") 2>>"$log" || echo "FAIL ${*:1:3}: ended with $?")
    if [ $((passed + failed + skipped)) = "$before" ]; then fail "$*" "checked nothing"; fi
}

finish() {
    if [ "$failed" != 0 ] && [ -s "$log" ]; then
        echo "-- what the programs said besides:"
        tail -n 40 "$log"
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}
