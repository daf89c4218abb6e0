# shellcheck shell=bash
# Rows of a table, each of which runs by itself. To be sourced behind scripts/lib.sh.
#
# The caller sets `cache`, the folder of the log files, and `all`, the rows that there are, and has a function run_row NAME. It calls
# choose_rows, row for each of them, and print_table.
# What run_row prints is a row's log; its line "PHP ..." and its last one, "N passed, N failed, N skipped", are for the table.

table=() passed=0 failed=0 skipped=0
cannot_be_had=69 # the exit code of php-debian.sh for what its mirror does not have
running=''

# choose_rows [NAME...]: sets rows to these, or to all.
choose_rows() {
    local name
    # shellcheck disable=SC2154
    rows=("${all[@]}")
    if [ $# -gt 0 ]; then rows=("$@"); fi
    for name in "${rows[@]}"; do
        [[ " ${all[*]} " == *" $name "* ]] || die "there is no row $name; there are: ${all[*]}"
    done
}

# row NAME: runs it; its output goes to a log file.
row() {
    # shellcheck disable=SC2154
    local name=$1 log=$cache/$1.log begin=$SECONDS status=0 p=0 f=0 s=0
    printf '\n== %s\n' "$name"
    # In the background, since set -e does not hold in a command that is tested; in a process group, to end it all.
    set -m
    (run_row "$name") >"$log" 2>&1 </dev/null &
    running=$!
    set +m
    wait "$running" || status=$?
    running=''
    if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
    fi
    if [ "$status" = "$cannot_be_had" ]; then
        s=1
    elif [ "$status" != 0 ] && [ "$f" = 0 ]; then
        f=1
    fi
    if [ "$((f + s))" != 0 ]; then grep -E '^(SKIP|FAIL|BORK|WARN|LEAK) |^not had: ' "$log" || tail -n 20 "$log"; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    table+=("$(printf '%-16s %-18s %6d %6d %7d %5d s' "$name" \
        "$(sed -n 's/^PHP \([0-9.]* [NZ]TS\)/\1/p' "$log" | head -n 1)" "$p" "$f" "$s" $((SECONDS - begin)))")
}

# Fails where a row did, or none ran.
print_table() {
    printf '\n%-16s %-18s %6s %6s %7s\n' row PHP passed failed skipped
    printf '%s\n' "${table[@]}"
    if [ "$failed" != 0 ]; then echo "The output of each row is in ${cache#"$root/"}/"; fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}

end_rows() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$running" ]; then
        kill -TERM -- "-$running" 2>/dev/null || true
        wait "$running" || true
    fi
    exit "$status"
}
trap end_rows EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
