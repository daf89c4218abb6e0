#!/usr/bin/env bash
# What the browser test of the web page takes from npm, as page/package-lock.json pins it: fetched only when it is not there. Prints
# where it is.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=peers/table.sh
. peers/table.sh

from=peers/page
to=$root/target/peers/page

alone
if ! cmp -s "$from/package-lock.json" "$to/fetched"; then
    rm -rf "$to"
    mkdir -p "$to"
    cp "$from/package.json" "$from/package-lock.json" "$to"
    npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund >"$to/log" 2>&1 || { tail -n 20 "$to/log" >&2; die "npm could not fetch what the page's test needs"; }
    cp "$from/package-lock.json" "$to/fetched"
fi
echo "$to"
