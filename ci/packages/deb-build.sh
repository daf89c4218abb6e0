#!/usr/bin/env bash
# deb-build.sh [check]: makes the packages with scripts/deb.sh; before, some of an older version, into target/deb-older. With "check": makes
# them once more, and has lintian look at them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=ci/packages/checks.sh
. ci/packages/checks.sh

sums() { (cd target/deb && sha256sum ./*.deb); }

# Whatever is committed meanwhile.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
DEB_VERSION=0.9.0 scripts/deb.sh
rm -rf target/deb-older
mkdir target/deb-older
mv target/deb/*.deb target/deb-older/
scripts/deb.sh
first=$(sums)
check 'three packages' 3 "$(wc -l <<<"$first")"
[ "${1:-}" = check ] || exit 0

scripts/deb.sh
check 'made twice, the packages are the same' "$first" "$(sums)"
have lintian || { apt_update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends lintian; } >/dev/null
check_that 'lintian has no objection' \
    lintian --no-cfg --fail-on error,warning,info --display-info --allow-root target/deb/*.changes
