#!/usr/bin/env bash
# build.sh VERSION FOLDER COMMAND...: runs the command, such as scripts/deb.sh, where it finds the programs and the module for that PHP in
# target/release. For 8.2, which is Debian 12's, that is this machine with what was built last; for 8.4 the root folder that php-debian.sh
# makes of Debian 13 in FOLDER, with FOLDER/builds as its target/. The programs are the same there: they run with Debian 12's libraries.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"

version=$1 place=$2
shift 2

in_root_folder() {
    local builds=$place/builds
    cargo fetch --locked # where the root folder has no network settings, too
    ci/php-debian.sh make "$place" "$version" trixie
    mkdir -p "$builds/release"
    cp -a target/man "$builds/"
    cp -a target/release/{gearmand,gearman,gearadmin,gearman-runner} "$builds/release/"
    # shellcheck disable=SC2016
    ci/php-debian.sh run "$place" env SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" sh -euc '
        mount --bind "$0" target
        export CARGO_TARGET_DIR=$PWD/target
        cargo build --release -p gearman_rs
        cp target/release/libgearman_rs.so target/release/gearman_rs.so
        exec "$@"' "$builds" "$@"
}

[[ "$(cat /etc/debian_version 2>/dev/null)" == 12.* ]] || { say "not had: this machine is no Debian 12"; exit 69; }
for file in release/{gearman_rs.so,gearmand,gearman,gearadmin,gearman-runner} man/gearmand.8; do
    [ -e "target/$file" ] || { PROFILE=release scripts/build.sh; break; }
done
if [ "$version" = 8.2 ]; then "$@"; else in_root_folder "$@"; fi
