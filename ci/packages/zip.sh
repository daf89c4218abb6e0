#!/usr/bin/env bash
# zip.sh install|remove: the module from the zip that scripts/package.sh made, chosen by its name as PIE does. Nothing but PHP
# must be there.
#
#   ZIPS   the folder of zips (target/package)
set -euo pipefail
# shellcheck source=ci/packages/lib.sh
. "$(dirname "$0")/lib.sh"

install() {
    local zip
    zip=$(compgen -G "${ZIPS:-target/package}/php_gearman-*_$(php -n scripts/package-name.php).zip" | sort -V | tail -n 1)
    # shellcheck disable=SC2016
    php -r '(new PharData($argv[1]))->extractTo($argv[2], "gearman.so");' -- "$zip" "$(dirname "$module")"
    chmod 644 "$module" # Phar leaves modes out
}

there_or_away "$@"
