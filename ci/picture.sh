#!/usr/bin/env bash
# docs/page.png, the picture of the web page that the README shows. It takes a quarter of an hour: the server that is shown has a
# past of 15 minutes.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

most=150 # KB
scripts/need.sh build page
scripts/build.sh
PICTURE=1 interop/page.sh
size=$(($(stat -c %s target/page/picture.png) / 1024))
[ "$size" -lt "$most" ] || die "target/page/picture.png has $size KB: less than $most are wanted"
cp target/page/picture.png docs/page.png
say "docs/page.png: $size KB"
