#!/usr/bin/env bash
# What PIE and Composer take from here: the zip with the module, by name and content, and what the composer.json files say.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# json FILE KEY...: the value under these keys, lists with blanks between; nothing where there is none.
json() {
    # shellcheck disable=SC2016
    "$PHP" -n -r '$value = json_decode(file_get_contents($argv[1]), true, 9, JSON_THROW_ON_ERROR);
        foreach (array_slice($argv, 2) as $key) { $value = $value[$key] ?? []; }
        echo implode(" ", (array) $value);' -- "$@"
}

# --- the zip ---

zip=$(MODULE=$MODULE scripts/package.sh "$scratch/one") || fail 'package.sh'
# By hand, as PIE spells it: https://github.com/php/pie, PrePackagedBinaryAssetName.
# shellcheck disable=SC2016
pattern=$("$PHP" -n -r 'echo PHP_MAJOR_VERSION, "\.", PHP_MINOR_VERSION, "-(x86_64|arm64)-linux-(glibc|musl)",
    PHP_DEBUG ? "-debug" : "", PHP_ZTS ? "-zts" : "-nts";')
check_that "the zip's name: $(basename "$zip")" grep -qxE "php_gearman-${version//./\\.}_php$pattern\.zip" <<<"$(basename "$zip")"
check 'what is in it' 'gearman.so LIBRARIES LICENSE-APACHE LICENSE-MIT README.md' "$(unzip -Z1 "$zip" | tr '\n' ' ' | sed 's/ $//')"
unzip -q "$zip" -d "$scratch/php"
check_that 'the module is the one that was built' cmp -s "$MODULE" "$scratch/php/gearman.so"
# tokio is MIT, whose notice is to go along with each copy.
check_that 'the notices of libraries that are part of it' grep -q '^tokio v' "$scratch/php/LIBRARIES"
# As a php.ini names it, beside other modules in PHP's folder.
check 'PHP loads it under its name' "gearman $version" \
    "$("$PHP" -n -d "extension_dir=$scratch/php" -d extension=gearman -r 'echo "gearman ", phpversion("gearman");' 2>&1)"
check 'and has a class of it' true \
    "$("$PHP" -n -d "extension_dir=$scratch/php" -d extension=gearman -r 'var_export((new GearmanClient)->returnCode() === GEARMAN_SUCCESS);' 2>&1)"

other=$(cd "$scratch" && umask 077 && TZ=Asia/Tokyo MODULE=$MODULE TAG=V$version "${root:?}/scripts/package.sh" two)
check 'a tag is in the name as it is' "php_gearman-V${version}_" "$(basename "$other" | grep -o '^.*_php' | sed 's/php$//')"
check_that 'made again, with other modes and in another time zone, it has the same bytes' cmp "$zip" "$other"

printf 'not a module' >"$scratch/broken.so"
MODULE=$scratch/broken.so scripts/package.sh "$scratch/three" >"$scratch/said" 2>&1
check 'what PHP does not load is not packed' "1 no zip" "$? $(ls "$scratch"/three/*.zip 2>/dev/null || echo no zip)"

# --- composer.json ---

licence=$(sed -n 's/^license = "\(.*\)"/\1/p' Cargo.toml)
repository=$(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)
oldest=$(grep -oE 'PHP [0-9]+\.[0-9]+' README.md | sort -V | head -n 1)
for file in composer.json stubs/composer.json; do
    context="$file: "
    check 'the licences are those of Cargo.toml' "${licence// OR / }" "$(json "$file" license)"
    check 'so is the repository' "$repository" "$(json "$file" support source)"
    # Packagist takes it from the tag.
    check 'there is no second version' '' "$(json "$file" version)"
    check 'the oldest PHP is that of README' "$oldest" "$(json "$file" require php | sed 's/^^/PHP /')"
    check 'it loads no code' '' "$(json "$file" autoload)"
done
context=''
# shellcheck disable=SC2016
check 'the oldest PHP that configure takes is that of README' "$oldest" "PHP $(sed -n 's/.*\[$gearman_php\], \[\([0-9.]*\)\].*/\1/p' pie/config.m4)"
context='composer.json: '
check 'type and name' 'php-ext gearman-rs/gearman' "$(json composer.json type) $(json composer.json name)"
check "the module's name" gearman "$(json composer.json php-ext extension-name)"
check_that 'phpize finds its file where PIE runs it' test -f "$(json composer.json php-ext build-path)/config.m4"
check 'a zip is asked for before the source' 'pre-packaged-binary composer-default' "$(json composer.json php-ext download-url-method)"
check 'the ini file is sorted where make install sorts it' "$(sed -n "s/.*; priority=\([0-9]*\).*/\1/p" scripts/install.sh)" \
    "$(json composer.json php-ext priority)"
context='stubs/composer.json: '
check 'type and name' 'library gearman-rs/stubs' "$(json stubs/composer.json type) $(json stubs/composer.json name)"
finish
