#!/usr/bin/env bash
# matrix.sh [ROW...]: builds the module for several PHPs and runs the PHP tests on each; a table at the end.
#
#   system          the first PHP in PATH, or PHP=... PHP_CONFIG=...; Debian 12's is 8.2
#   system-jit      the same with opcache and its tracing JIT
#   system-tls      the same, and the tests' clients and workers speak TLS with their server
#   8.2-debug       the source in peers/table, configured with --enable-debug: tells of request memory that was not freed
#   8.2-zts         the same source with --enable-zts
#   8.2-*-embed     those two inside another program: restarts, and threads (embed.sh)
#   8.4, 8.4-jit    Debian's packages of the suites in peers/table, in a root folder of their own
#   8.5             the same; skipped where they cannot be had
#
# Each PHP is fetched or built once and kept in MATRIX_DIR (target/matrix), with logs and builds of the
# module. Debian's root folders need a root that may mount.
#
# The last line is "N passed, N failed, N skipped".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=ci/php.sh
. ci/php.sh

all=(system system-jit system-tls 8.2-debug 8.2-debug-embed 8.2-zts 8.2-zts-embed 8.4 8.4-jit 8.5)
jit=(-d zend_extension=opcache -d opcache.enable_cli=1 -d opcache.jit=tracing -d opcache.jit_buffer_size=64M)
table=() passed=0 failed=0 skipped=0

run_row() {
    local name=${1%-jit}
    name=${name%-tls}
    choose "${name%-embed}"
    # shellcheck disable=SC2016
    echo "PHP $(with "$php" -n -r 'echo PHP_VERSION, PHP_ZTS ? " ZTS" : " NTS", PHP_DEBUG ? " debug" : "";')"
    make_module
    case $1 in
        *-embed) with ci/embed.sh ;;
        *-jit)
            # shellcheck disable=SC2016
            with "$php" -n "${jit[@]}" -r 'exit(opcache_get_status(false)["jit"]["on"] ? 0 : 1);' || die "no JIT"
            with env RUN_TESTS_ARGS="${jit[*]}" php-tests/run.sh
            ;;
        *-tls) with env TLS=1 php-tests/run.sh ;;
        *) with php-tests/run.sh ;;
    esac
}

# row NAME: its output goes to a log file, the last line of which counts.
row() {
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

rows=("${@:-}")
if [ $# = 0 ]; then rows=("${all[@]}"); fi
for name in "${rows[@]}"; do
    [[ " ${all[*]} " == *" $name "* ]] || die "there is no row $name; there are: ${all[*]}"
done

running=''
cannot_be_had=69 # php-debian.sh's exit code
finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$running" ]; then
        kill -TERM -- "-$running" 2>/dev/null || true
        wait "$running" || true
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir -p "$cache"
scripts/need.sh build matrix
cargo build --release -p gearmand
cargo fetch --locked # where a PHP's root folder has no network settings, too
for name in "${rows[@]}"; do row "$name"; done

printf '\n%-16s %-18s %6s %6s %7s\n' row PHP passed failed skipped
printf '%s\n' "${table[@]}"
if [ "$failed" != 0 ]; then echo "The output of each row is in ${cache#"$root/"}/"; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
