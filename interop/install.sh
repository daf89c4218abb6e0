#!/usr/bin/env bash
# make install, and what packages are made of, in a folder whose name is not a simple word: with another umask, another PHP's module,
# without cargo, and with what else machines have that ours has not.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

project="$scratch/ä b/project"
mkdir -p "$project/target/release" "$project/target/man"
cp -r scripts packaging contrib Cargo.toml "$project"
cp "$GEARMAND" "$GEARMAN" "$GEARADMIN" "$built/gearman-runner" "$MODULE" "$project/target/release"
touch "$project/target/man/"{gearmand.8,gearman.1,gearadmin.1,gearman-runner.1}
cd "$project" || exit
stage=$scratch/stage
install() { DESTDIR=$stage PREFIX=/usr scripts/install.sh install >"$scratch/said" 2>&1; }
# shellcheck disable=SC2317
quietly() { "$@" >>"$log" 2>&1; }

context='umask 077: '
check_that 'installs' eval '(umask 077 && install)'
# PHP passes over an ini file that it may not read, without a word.
check 'all may read what is installed' '' "$(find "$stage" -mindepth 1 ! -perm -o=r)"
check 'and look into its folders' '' "$(find "$stage" -mindepth 1 -type d ! -perm -o=x)"
rm -r "$stage"

context="beside Debian's PHP of the same version: "
other=$scratch/php-config
# shellcheck disable=SC2016
printf '#!/bin/sh\nif [ "$1" = --extension-dir ]; then echo /opt/php/extensions; else exec "%s" "$@"; fi\n' "$(command -v "$PHP_CONFIG")" >"$other"
chmod +x "$other"
check_that 'installs' eval '(export PHP_CONFIG=$other PHP_INI_SCAN_DIR=/opt/php/conf.d && install)'
check 'all of it where that PHP reads it' '/opt/php/conf.d/gearman_rs.ini /opt/php/extensions/gearman_rs.so' \
    "$(find "$stage" \( -name '*.ini' -o -name '*.so' \) -printf '/%P\n' | sort | xargs)"
rm -r "$stage"

context='for a package: '
mkdir -p target/deb/build
check_that 'installs below a folder with blanks' quietly make -C target/deb/build -f "$PWD/packaging/deb/rules" override_dh_auto_install
check_that 'where debhelper looks for it' test -x target/deb/build/debian/tmp/usr/bin/gearmand

context="another PHP's module: "
mv target/release/gearman_rs.so "$scratch"
printf 'not a module for this PHP' >target/release/gearman_rs.so
install
check 'is refused, and how to build one is said' '1 1' "$? $(grep -c "make build PHP=" "$scratch/said")"
check 'nothing is installed' '' "$(find "$stage" -type f 2>/dev/null)"
mv "$scratch/gearman_rs.so" target/release

mkdir "$scratch/bin"
# cargo SCRIPT: what is run in its place.
cargo_is() { printf '#!/bin/bash\n%s\n' "$1" >"$scratch/bin/cargo" && chmod +x "$scratch/bin/cargo"; }
export PATH=$scratch/bin:$PATH

context='a build that fails: '
mv target/release target/away
# shellcheck disable=SC2016
cargo_is 'case $1 in --version) echo cargo 99.0.0 ;; build) echo built in vain; exit 1 ;; esac'
install
check 'fails' 1 $?
check 'and is not tried again for each file' 1 "$(grep -c 'built in vain' "$scratch/said")"
mv target/away target/release

context='notices: '
# As it was named before Rust 1.85, and since.
for index in index.crates.io-6f17d22bba15001f index.crates.io-1949cf8c6b5b557f; do
    mkdir -p "$scratch/cargo home/registry/src/$index/one-1.0.0"
    echo 'do as you like' >"$scratch/cargo home/registry/src/$index/one-1.0.0/LICENSE"
done
cargo_is 'echo "one v1.0.0|MIT"'
check 'two folders of one registry: each library once' 1 \
    "$(CARGO_HOME="$scratch/cargo home" scripts/notices.sh gearmand 2>"$scratch/said" | grep -c 'do as you like')"
CARGO_HOME=$scratch/none scripts/notices.sh gearmand >/dev/null 2>"$scratch/said"
check 'a library that is not there: fails, and names it' '1 1' "$? $(grep -c 'cargo has not unpacked one v1.0.0' "$scratch/said")"
finish
