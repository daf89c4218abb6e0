#!/usr/bin/env bash
# embed.sh: the module in PHPs that live inside another program, see embed/embed.c. EXT and GEARMAND as for
# php-tests/run.sh; PHP_CONFIG must be of a PHP with libphp.so (--enable-embed=shared).
# The last line is "N passed, N failed, N skipped".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. scripts/server.sh

ext=${EXT:-$built/gearman_rs.so}
gearmand=${GEARMAND:-$built/gearmand}
passed=0 failed=0 server=''
scratch=$(mktemp -d)

finish() {
    local status=$?
    trap - EXIT
    if [ -n "$server" ]; then stop "$server"; fi
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

prefix=$("$PHP_CONFIG" --prefix)
[ -f "$prefix/lib/libphp.so" ] || die "there is no $prefix/lib/libphp.so"
# shellcheck disable=SC2046
cc -O1 -g -pthread ci/embed/embed.c -o "$scratch/embed" $("$PHP_CONFIG" --includes) -L "$prefix/lib" -lphp -Wl,-rpath,"$prefix/lib"
# The embed SAPI takes settings from a php.ini only.
printf 'extension=%s\ndisplay_errors=stderr\n' "$ext" >"$scratch/php.ini"
export PHPRC=$scratch

serve "$gearmand" "$scratch"
export GEARMAN_TEST_PORT=$port

modes=(restarts)
if [ "$("$PHP" -n -r 'echo PHP_ZTS;')" = 1 ]; then modes+=(threads); fi
for mode in "${modes[@]}"; do
    # An end by exit(), by an error or by an exception is silent here: see request.php.
    if timeout 600 "$scratch/embed" "$mode" "$root/ci/embed/request.php"; then
        echo "ok   $mode"
        passed=$((passed + 1))
    else
        echo "FAIL $mode, exit code $?"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
