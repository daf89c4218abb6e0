#!/usr/bin/env bash
# Prints where PHP's own test runner is; it comes with PHP's headers (php8.2-dev in Debian).
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

prefix=$("$PHP_CONFIG" --prefix)
api=$(basename "$("$PHP_CONFIG" --extension-dir)") # 20220829 in Debian
for file in "$prefix/lib/php/$api/build/run-tests.php" "$prefix/lib/php/build/run-tests.php" \
    "$prefix"/lib/*/php/build/run-tests.php "$prefix"/lib64/php/build/run-tests.php "$prefix"/lib/php[0-9]*/build/run-tests.php; do
    if [ -f "$file" ]; then
        echo "$file"
        exit 0
    fi
done
die "run-tests.php not found under $prefix/lib/php: it comes with PHP's headers (php$(php_version)-dev)"
