#!/usr/bin/env bash
# deb-build.sh: makes the packages with scripts/deb.sh, and what lintian says of them; before, some of an older version, into
# target/deb-older.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=ci/packages/checks.sh
. ci/packages/checks.sh

sums() { (cd target/deb && sha256sum ./*.deb); }

have lintian || { apt_update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends lintian; } >/dev/null
DEB_VERSION=0.9.0 scripts/deb.sh
rm -rf target/deb-older
mkdir target/deb-older
mv target/deb/*.deb target/deb-older/
scripts/deb.sh
first=$(sums)
scripts/deb.sh
check 'made twice, the packages are the same' "$first" "$(sums)"
check 'three packages' 3 "$(wc -l <<<"$first")"
check_that 'lintian has no objection' lintian --no-cfg --fail-on error,warning,info --display-info --show-overrides \
    --allow-root target/deb/*.changes
