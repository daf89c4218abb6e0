#!/usr/bin/env bash
# The frameworks that the packages in packages/ are for, and PHPUnit. Prints where they are, for eval:
#
#   PACKAGES_PHP       php without a php.ini and gearman, with the modules that they need; it finds their classes by its include path
#   PACKAGES_PHPUNIT   PHPUnit, for that php
#   PACKAGES_COMPOSER  composer, likewise
#
# Packages that are installed are used where they are, the others unpacked: see unpack.sh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

group=packages
# shellcheck source=peers/unpack.sh
. peers/unpack.sh
# Modules that Debian has in packages of their own; in this order, as one may want another.
modules=(ctype iconv intl mbstring posix tokenizer dom simplexml xml xmlreader xmlwriter pdo sqlite3 pdo_sqlite)

# They are there, this checkout was not moved since, and no package was removed.
ready() {
    { [ -f "$vars" ] && as_listed; } || return 1
    # shellcheck disable=SC1090
    . "$vars"
    [ "$PACKAGES_PHP" = "$peers/bin/php" ] && "$PACKAGES_PHP" "$PACKAGES_PHPUNIT" --version >/dev/null 2>&1 &&
        COMPOSER_ALLOW_SUPERUSER=1 "$PACKAGES_PHP" "$PACKAGES_COMPOSER" --version >/dev/null 2>&1
}

make_wrappers() {
    local extensions module options=() classes=$files/usr/share/php
    # Packages look for each other beside themselves.
    mkdir -p "$classes"
    if [ -d /usr/share/php ]; then cp -rn /usr/share/php/. "$classes"; fi
    extensions=$("$PHP_CONFIG" --extension-dir)
    find_libs
    for module in "${modules[@]}"; do
        if "$PHP" -n -m | grep -qix "$module"; then continue; fi
        options+=(-d extension="$(locate "$extensions/$module.so")")
    done
    wrapper php "$(command -v "$PHP")" -n -d include_path="$classes" "${options[@]}"
    printf '%s=%q\n' PACKAGES_PHP "$peers/bin/php" PACKAGES_PHPUNIT "$(locate /usr/bin/phpunit)" \
        PACKAGES_COMPOSER "$(locate /usr/bin/composer)" >"$vars"
}

if ! ready; then
    begin
    make_wrappers
    # Debian 13's want to be where they are installed.
    ready || die "PHPUnit or composer does not start from ${peers#"$root"/}: apt-get install ${packages[*]}"
fi
cat "$vars"
