#!/usr/bin/env bash
# run.sh [FILE.phpt...]: the PHP tests, by PHP's own run-tests.php, beside a job server of their own. Module and server are those
# of the last build, or of PROFILE's: release, dev.
#
#   EXT=/path/module.so     another module
#   GEARMAND=/path/gearmand another job server
#   TLS=1                   what api.inc connects to the server, does so with TLS and a certificate; without the tests of TLS itself
#   JOBS=1                  so many tests at a time (2)
#   RUN_TESTS_ARGS=...      more arguments for run-tests.php: "-m -d pcre.jit=0" runs under valgrind
#                           (which takes the code that PCRE generates for an error)
#
# The tests find in their environment
#   GEARMAN_TEST_PORT       the server's port, on 127.0.0.1
#   GEARMAN_TEST_GEARMAND   the server's program, to start more of them
#   GEARMAN_TEST_ROOT       this project's folder; they themselves run in a copy of php-tests/
#   GEARMAN_TEST_DIR        a folder for logs
# See connect.inc.
#
# The last line is "N passed, N failed, N skipped". FAIL, BORK, WARN and LEAK are failures.
set -euo pipefail
here=$PWD
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. scripts/server.sh

absolute() { (cd "$here" && realpath -sm "$1"); }
ext=$(absolute "${EXT:-$built/gearman_rs.so}")
gearmand=$(absolute "${GEARMAND:-$built/gearmand}")
server='' runner_pid=''
[ -f "$ext" ] || die "$ext is missing: make build"
[ -x "$gearmand" ] || die "$gearmand is missing: make build"
runner=$(scripts/find-run-tests.sh)

# Each run works in a folder of its own, so that two may run at once. Kept when a test failed.
mkdir -p target/phpt
find target/phpt -maxdepth 1 -name 'run-*' -mtime +1 -exec rm -rf {} +
dir=$(mktemp -d "$root/target/phpt/run-XXXXXX")
cp -R php-tests "$dir/tests"
# A test that passes at a second try has failed, and what it said at the first is to be seen.
sed 's/!\$retried && error_may_be_retried/false \&\& &/' "$runner" >"$dir/run-tests.php"

finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    # shellcheck disable=SC2086
    stop $runner_pid $server
    if [ "$status" = 0 ]; then rm -rf "$dir"; fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The tests' php reads no php.ini, so that pecl's module, where installed, stays out.
load=(-d "extension=$ext")
extensions=$("$PHP_CONFIG" --extension-dir)
for name in pcntl posix; do
    if "$PHP" -n -m | grep -qx "$name"; then continue; fi
    if [ -f "$extensions/$name.so" ]; then load+=(-d "extension=$name"); fi
done
says=$("$PHP" -n "${load[@]}" -d display_errors=1 -r 'echo extension_loaded("gearman") ? "loaded" : "not loaded";' 2>&1) || true
[ "$says" = loaded ] || die "PHP does not load $ext: $says"

tests=()
for file in "$@"; do
    file=$(absolute "$file")
    [[ $file == "$root"/php-tests/*.phpt && -f $file ]] || die "not a test in php-tests/: $file"
    tests+=("$dir/tests/${file#"$root/php-tests/"}")
done
if [ $# = 0 ]; then mapfile -t tests < <(find "$dir/tests" -name '*.phpt' ${TLS:+-not -path '*/tests/tls/*'} | sort); fi
[ ${#tests[@]} -gt 0 ] || die "php-tests/ has no .phpt file"

serve "$gearmand" "$dir"
export GEARMAN_TEST_PORT=$port GEARMAN_TEST_GEARMAND=$gearmand GEARMAN_TEST_ROOT=$root GEARMAN_TEST_DIR=$dir
if [ "${TLS:-}" ]; then export GEARMAN_TEST_TLS=$tls_port GEARMAN_TEST_CERTIFICATES=$certificates; fi
# run-tests.php ends a test after so many seconds; valgrind's takes more than its minute where the machine is busy.
export TEST_TIMEOUT=${TEST_TIMEOUT:-300}
export TEST_PHP_EXECUTABLE NO_INTERACTION=1 TEST_PHP_ARGS=-q NO_PHPTEST_SUMMARY=1
TEST_PHP_EXECUTABLE=$(command -v "$PHP")

colour=--no-color
if [ -t 1 ]; then colour=--color; fi
# In the tests' folder, so that their names are shown without it; beside us, so that an interrupt is
# heard at once.
cd "$dir/tests"
# shellcheck disable=SC2086
"$PHP" -n "$dir/run-tests.php" -n "$colour" --no-progress --show-diff "-j${JOBS:-2}" -W "$dir/results" "${load[@]}" \
    ${RUN_TESTS_ARGS:-} "${tests[@]}" </dev/null &
runner_pid=$!
wait "$runner_pid" || true
runner_pid=''
cd "$root"

if gone "$server"; then
    server_says "$dir"
    say "FAIL the job server ended while the tests ran"
fi
# Each line: a result or several joined by &, and the file. A test that run-tests.php lost is a failure.
touch "$dir/results"
count() { cut -f1 "$dir/results" | grep -cE "$1" || true; }
skipped=$(count '^(SKIPPED|XFAILED|XLEAKED)$')
passed=$(count '^PASSED$')
failed=$((${#tests[@]} - skipped - passed))
if gone "$server"; then failed=$((failed + 1)); fi
if [ "$failed" != 0 ]; then echo "The failed tests' files and the server's log are in ${dir#"$root"/}"; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
