# shellcheck shell=bash
# Packages are installed by composer as their pages say, without Packagist. To be sourced behind packages-lib.sh.

# install_as PAGE PROVIDED...: by the page's own commands, into a project that provides packages, each NAME:VERSION. Sets vendor.
install_as() {
    local project=$scratch/project provided
    rm -rf "$project"
    mkdir -p "$project" "$scratch/bin"
    ln -sfn "$root" "$scratch/gearman_rs"
    printf '#!/bin/sh\nexec %q %q "$@"\n' "$TEST_PHP" "$PACKAGES_COMPOSER" >"$scratch/bin/composer"
    chmod +x "$scratch/bin/composer"
    # The framework is Debian's, which composer does not know.
    provided=$([ $# = 1 ] || printf ', "%s"' "${@:2}")
    provided=${provided#, }
    printf '{"name": "app/app", "provide": {%s}, "repositories": {"packagist.org": false}}' "${provided//:/\": \"}" >"$project/composer.json"
    "$TEST_PHP" interop/packages/shown.php commands "$1" 'composer require' >"$scratch/commands"
    vendor=$project/vendor
    check_that "$1: its commands install" pasted "$project"
}
pasted() {
    (cd "$1" && PATH=$scratch/bin:$PATH COMPOSER_HOME=$scratch/composer COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_NO_INTERACTION=1 \
        bash -eu "$scratch/commands") >>"$log" 2>&1 && [ -f "$vendor/autoload.php" ]
}
