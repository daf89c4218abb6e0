#!/usr/bin/env bash
# phpize, configure and make in pie/, as people and PIE run them: what configure refuses, when cargo runs, what is installed, and
# that nothing is left. In a copy of the project, and with the module that is built already in cargo's place.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

unset CARGO_TARGET_DIR CARGO_BUILD_TARGET MAKEFLAGS MAKELEVEL # lib.sh's, and those of `make test`
project=$scratch/project
mkdir -p "$project/crates"
cp -r pie build build.rs src stubs Cargo.toml Cargo.lock "$project"
cp -r crates/gearman-core "$project/crates"
# shellcheck disable=SC2153
php_config=$(command -v "$PHP_CONFIG")
phpize=${php_config/%php-config*/phpize${php_config##*php-config}}
rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
extensions=$("$PHP_CONFIG" --extension-dir)

# What pie/ has besides what was there. An empty folder is left by PHP's own phpize.
leftovers() { (cd "$project/pie" && rmdir include 2>/dev/null; find . | sort | comm -13 "$scratch/before" -); }
(cd "$project/pie" && find . | sort) >"$scratch/before"

# cargo, that takes what it would build from where it is; and tells what it was asked for.
mkdir "$scratch/bin"
cat >"$scratch/bin/cargo" <<END
#!/bin/sh
echo "cargo \$*; for \$PHP and \$PHP_CONFIG" >>"$scratch/calls"
mkdir -p "\$CARGO_TARGET_DIR/\$CARGO_BUILD_TARGET/release"
cp "$MODULE" "\$CARGO_TARGET_DIR/\$CARGO_BUILD_TARGET/release/libgearman_rs.so"
END
rustc() { printf '#!/bin/sh\necho "rustc %s (0123456789 2026-01-01)"\n' "$1" >"$scratch/bin/rustc" && chmod +x "$scratch/bin/"*; }
calls() { wc -l <"$scratch/calls"; }

# configure [NAME=VALUE...]: what it says is in $scratch/said.
configure() { env "$@" ./configure -q --with-php-config="$php_config" >"$scratch/said" 2>&1; }
quietly() { "$@" >>"$log" 2>&1; }

cd "$project/pie" || exit
check_that 'phpize' quietly "$phpize"

context='configure '
if PATH=/usr/bin:/bin command -v cargo >/dev/null; then
    skip 'without cargo: it is where every program is'
else
    # Nor rustup's folder.
    configure -u CARGO -u CARGO_HOME HOME="$scratch" PATH=/usr/bin:/bin
    check 'without cargo: fails, and says what is needed and how to get it' '1 1 1' \
        "$? $(grep -c "cargo is missing. Building the module needs Rust $rust or newer" "$scratch/said") $(grep -c 'sh.rustup.rs' "$scratch/said")"
fi
export CARGO=$scratch/bin/cargo
RUSTC=$scratch/bin/rustc
rustc 1.63.0
configure "RUSTC=$RUSTC"
check 'with a rustc that is too old: says what is needed' '1 1' \
    "$? $(grep -c "rustc is 1.63.0, which is too old. Building the module needs Rust $rust or newer" "$scratch/said")"
rustc "$rust.0"
check_that "with the oldest rustc that Cargo.toml allows, $rust" configure "RUSTC=$RUSTC"

context='make: '
check_that 'builds' quietly make
check "cargo was asked for a module of this PHP" \
    "cargo build --locked --release -p gearman_rs; for $("$PHP_CONFIG" --php-binary) and $php_config" "$(cat "$scratch/calls")"
check_that 'modules/gearman.so is what cargo made' cmp modules/gearman.so "$MODULE"
quietly make
check 'nothing changed: cargo is not run' 1 "$(calls)"
touch "$project/src/lib.rs"
quietly make
check 'a source changed: it is' 2 "$(calls)"
check_that 'install' quietly make install INSTALL_ROOT="$scratch/installed"
check 'installing runs no cargo' 2 "$(calls)"
check 'what is installed' "$scratch/installed$extensions/gearman.so" "$(find "$scratch/installed" -type f)"
check 'PHP loads it' "$(sed -n 's/^version = "\(.*\)"/\1/p' ../Cargo.toml)" \
    "$("$PHP" -n -d "extension_dir=$scratch/installed$extensions" -d extension=gearman -r 'echo phpversion("gearman");' 2>&1)"
check 'make test' 'Tests passed    :    1' "$(NO_INTERACTION=1 make test 2>&1 | grep -o '^Tests passed *: *1')"
check_that 'make clean' quietly make clean
check 'make clean leaves no module' '' "$(find . -name '*.so' -o -name .libs)"
CARGO_TARGET_DIR=$scratch/elsewhere quietly make
check_that 'CARGO_TARGET_DIR is where cargo builds' test -f "$scratch/elsewhere/release/libgearman_rs.so"
check_that 'and the module is there' cmp modules/gearman.so "$MODULE"
quietly make clean
check_that 'with CARGO_BUILD_TARGET, for which cargo has a folder' quietly env CARGO_BUILD_TARGET=some-target make
quietly "$phpize" --clean
check 'phpize --clean leaves nothing' '' "$(leftovers)"

context='another folder: '
quietly "$phpize"
mkdir "$scratch/apart"
cd "$scratch/apart" || exit
check_that 'configure' quietly "$project/pie/configure" -q --with-php-config="$php_config"
check_that 'make' quietly make
check_that 'the module is there' cmp modules/gearman.so "$MODULE"
cd "$project/pie" || exit
quietly "$phpize" --clean
check 'the sources stay as they were' '' "$(leftovers)"
finish
