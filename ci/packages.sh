#!/usr/bin/env bash
# packages.sh [ROW...]: installs in a fresh Debian each time, runs the article's programs there, removes all again and compares the
# files; a table at the end. A row is a way and a Debian:
#
#   deb-12, deb-13        by the packages of `make deb`. Besides: upgrades, in the place of Debian's own packages and back, as a service of
#                         systemd, which is started in there
#   phpize-12, phpize-13  by phpize, configure, make and make install in pie/
#   zip-12, zip-13        by the archive that scripts/package.sh makes
#
# 12 is bookworm with PHP 8.2, 13 is trixie with 8.4. The programs are built on Debian 12, where this has to run, and the same run on 13.
#
# Root folders are made once and kept in MATRIX_DIR (target/matrix); each row changes a layer over one, which is empty at its beginning.
# It needs a root that may mount.
#
# The last line is "N passed, N failed, N skipped".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=ci/rows.sh
. ci/rows.sh
# shellcheck source=ci/packages/checks.sh
. ci/packages/checks.sh

all=(deb-12 deb-13 phpize-12 phpize-13 zip-12 zip-13)
cache=$(realpath -m "${MATRIX_DIR:-target/matrix}")

# choose ROW: sets what the functions below need.
choose() {
    way=${1%-*} debian=${1#*-} layer=$cache/layer-$1
    case $debian in
        12) suite=bookworm version=8.2 builds=$root/target ;;
        13) suite=trixie version=8.4 builds=$cache/php-8.4/builds ;;
    esac
    developers=$cache/php-$version # the root folder with PHP's headers and a compiler
}
make_base() {
    if [ "$way" = phpize ]; then
        base=$developers
        ci/php-debian.sh make "$base" "$version" "$suite"
    else
        base=$cache/packages-$debian
        # What a real Debian has and debootstrap leaves out.
        PHP_WITH="systemd logrotate tzdata" ci/php-debian.sh make "$base" "$version" "$suite"
    fi
}
build() { ci/packages/build.sh "$version" "$developers" "$@"; }
# Server and tools are packed on Debian 12 for both, the module for each.
debs_of_12() {
    ci/packages/build.sh 8.2 none scripts/deb.sh
    cp target/deb/gearman*.deb "$builds/deb/"
}
begin() { ci/packages/root.sh begin "$base" "$layer"; }
inside() { ci/packages/root.sh run "$base" "$layer" "$builds" "$@"; }
alone() { ci/packages/root.sh alone "$base" "$layer" "$builds" "$@"; }

# there_and_back: installed, used, removed.
there_and_back() {
    begin
    inside ci/packages/files.sh >"$layer/before"
    inside "ci/packages/$way.sh" install
    alone ci/packages/article.sh
    inside "ci/packages/$way.sh" remove
    inside ci/packages/files.sh >"$layer/after"
    check 'removed, all files are as before' '' "$(diff "$layer/before" "$layer/after" || true)"
}

# Debian's own packages are replaced by ours, which work, and come back.
in_place_of_debians() {
    begin
    inside ci/packages/deb-cases.sh replace
    alone ci/packages/article.sh
    inside ci/packages/deb-cases.sh back
    alone ci/packages/deb-cases.sh theirs
}

run_row() {
    choose "$1"
    make_base
    case $way in
        deb)
            if [ "$debian" = 12 ]; then
                build ci/packages/deb-build.sh check
            else
                build ci/packages/deb-build.sh
                debs_of_12
            fi
            ;;
        zip) build scripts/package.sh ;;
        phpize) build true ;;
    esac
    there_and_back
    if [ "$way" = deb ]; then
        begin
        inside ci/packages/deb-cases.sh upgrade
        in_place_of_debians
        begin
        ci/packages/boot.sh "$base" "$layer" "$builds" ci/packages/deb-service.sh
    fi
    # Each layer has a copy of what was installed.
    as_root rm -rf --one-file-system "$layer"
    echo "$(grep -c '^ok ' "$cache/$1.log") passed, $(grep -c '^FAIL ' "$cache/$1.log") failed, 0 skipped"
}

choose_rows "$@"
mkdir -p "$cache"
scripts/need.sh build matrix deb stress
for name in "${rows[@]}"; do row "$name"; done
print_table
