#!/usr/bin/env bash
# deb.sh: Debian packages of what scripts/build.sh built, into target/deb: the server, the tools, and the module for this PHP, which has
# to be one of Debian's packages. packaging/deb/ has what debhelper wants; the rest comes from contrib/.
#
#   DEB_VERSION            the version, without Debian's part: that of Cargo.toml
#   DEB_REVISION           Debian's part: 1
#   DEBFULLNAME, DEBEMAIL  who answers for the packages
#   SOURCE_DATE_EPOCH      the time that files get: the last commit's
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

packages=$root/target/deb
build=$packages/build
conf=/etc/gearmand/gearmand.conf

# A pre-release is older than its release.
upstream=${DEB_VERSION:-$(project_version)}
version=${upstream/-/\~}-${DEB_REVISION:-1}
maintainer="${DEBFULLNAME:-The gearman_rs developers} <${DEBEMAIL:-gearman_rs@users.noreply.github.com}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date -r CHANGELOG.md +%s)}
export SOURCE_DATE_EPOCH

scripts/need.sh deb
php=$(php_version)
extensions=$("$PHP_CONFIG" --extension-dir)
[[ $extensions == /usr/lib/php/* && -d /etc/php/$php/mods-available ]] ||
    die "$PHP_CONFIG is not of a Debian package (php$php-dev): its modules are in $extensions"

changelog() {
    printf 'gearman-rs (%s) unstable; urgency=medium\n\n' "$version"
    printf '  * Version %s: changelog.gz beside this file has what is new.\n' "$upstream"
    printf '\n -- %s  %s\n' "$maintainer" "$(LC_ALL=C date -uRd "@$SOURCE_DATE_EPOCH")"
}
# The text of a licence, as debian/copyright wants it.
licence() { sed -e 1,4d -e 's/^$/./' -e 's/^/ /' LICENSE-MIT; }

# debian_folder: packaging/deb, and what it leaves open.
debian_folder() {
    local debian=$build/debian file
    rm -rf "$build"
    mkdir -p "$build"
    cp -r packaging/deb "$debian"
    for file in "$debian"/php.*; do mv "$file" "$debian/php$php-gearman-rs.${file##*.}"; done
    sed -i "s|@PHP@|$php|g; s|@EXTENSIONS@|${extensions#/}|" "$debian"/{control,php*}
    # A name may have any sign in it.
    printf 'Maintainer: %s\n' "$maintainer" | sed -i -e '/^Maintainer:/{r /dev/stdin' -e 'd}' "$debian/control"
    licence | sed -i -e '/@MIT@/{r /dev/stdin' -e 'd}' "$debian/copyright"
    changelog >"$debian/changelog"

    sed "s|/usr/local/bin/gearmand|/usr/sbin/gearmand --config-file $conf|; s|/etc/gearmand.conf|$conf|" \
        contrib/gearmand.service >"$debian/gearmand-rs.gearmand.service"
    sed 's|/usr/local/bin|/usr/bin|' contrib/gearman-runner.service >"$debian/gearman-rs-tools.gearman-runner.service"
    cp contrib/gearmand.socket "$debian/gearmand-rs.gearmand.socket"
    cp contrib/gearmand.logrotate "$debian/gearmand-rs.gearmand.logrotate"
    sed "s|/etc/gearmand.conf|$conf|; s|/etc/gearmand-|/etc/gearmand/|; s|gearmand --check|gearmand --config-file $conf --check|" \
        contrib/gearmand.conf >"$debian/gearmand.conf"
}

[ -f target/release/gearman_rs.so ] || die "Nothing is built yet: make build"
debian_folder
rm -f "$packages"/*.*
(
    cd "$build"
    export DH_PHP_VERSIONS=$php DEB_BUILD_OPTIONS="noautodbgsym nocheck"
    # What need.sh installs will do: nothing is compiled.
    dpkg-buildpackage --build=binary --no-check-builddeps --unsigned-changes --unsigned-buildinfo --no-pre-clean >"$packages/log" 2>&1
) || { tail -n 40 "$packages/log" >&2; die "The packages could not be made; all of the output is in target/deb/log"; }
say "made" target/deb/*.deb
