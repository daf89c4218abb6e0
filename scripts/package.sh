#!/usr/bin/env bash
# package.sh [FOLDER]: the module as PIE downloads it, for the PHP at hand: a zip in FOLDER (target/package). Its path is
# all that goes to standard output.
#
#   TAG      the tag of the release, by which PIE asks for it (the version of Cargo.toml)
#   MODULE   a module for this PHP that is built already, and goes into the zip as it is (else: built, and stripped)
#
# The same module gives the same zip, whenever and wherever it is made.
set -euo pipefail
output=$(realpath -m "${1:-$(dirname "$0")/../target/package}")
module=${MODULE:+$(realpath "$MODULE")}
export PROFILE=release
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

if [ -n "$module" ]; then
    scripts/need.sh package
    cp "$module" "$stage/gearman.so"
else
    scripts/need.sh build package >&2
    cargo build --locked --profile "$PROFILE" -p gearman_rs
    strip --strip-unneeded -o "$stage/gearman.so" "$built/libgearman_rs.so"
fi
check_module "$stage/gearman.so"

cp LICENSE-MIT LICENSE-APACHE README.md "$stage"
scripts/notices.sh gearman_rs >"$stage/LIBRARIES"
chmod 644 "$stage"/*
# What is in a zip has a time, its order and its modes; 1980 is the first year that there is.
TZ=UTC touch -d 1980-01-01T00:00:00 "$stage"/*
zip=$output/php_gearman-${TAG:-$(project_version)}_$("$PHP" -n scripts/package-name.php).zip
mkdir -p "$output"
rm -f "$zip"
(cd "$stage" && TZ=UTC zip -q -X -9 "$zip" gearman.so LIBRARIES LICENSE-APACHE LICENSE-MIT README.md)
echo "$zip"
