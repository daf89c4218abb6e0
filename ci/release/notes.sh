#!/usr/bin/env bash
# notes.sh VERSION: what CHANGELOG.md says of it.
set -euo pipefail
cd "$(dirname "$0")/../.."

awk -v heading="## $1" '
    /^## / { here = ($0 == heading || index($0, heading " ") == 1); next }
    here' CHANGELOG.md | sed -e '1{/^$/d}' | grep . -A1000000 || { echo "CHANGELOG.md has no section $1" >&2 && exit 1; }
