#!/usr/bin/env bash
# install.sh install|uninstall: the module into PHP, the programs into PREFIX/bin, their manual pages
# into PREFIX/share/man.
# DESTDIR stages the files for a package and leaves PHP's settings of this machine alone.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

DESTDIR=${DESTDIR:-}
bin=$DESTDIR${PREFIX:-/usr/local}/bin
man=$DESTDIR${PREFIX:-/usr/local}/share/man
programs=(gearmand gearman gearadmin gearman-runner)
pages=(man8/gearmand.8 man1/gearman.1 man1/gearadmin.1 man1/gearman-runner.1)
have "$PHP_CONFIG" || die "$PHP_CONFIG is missing: it comes with PHP's headers (php$(php_version)-dev)"
version=$(php_version)
module=$DESTDIR$("$PHP_CONFIG" --extension-dir)/gearman_rs.so
debian=/etc/php/$version/mods-available

# Debian's PHP of this version: another one may be there beside it, which does not read Debian's files.
is_debians() { [[ $("$PHP_CONFIG" --extension-dir) == /usr/lib/php/* && -d $debian ]]; }

# Where PHP would read an ini file of ours.
ini_file() {
    local scanned
    if is_debians; then
        echo "$DESTDIR$debian/gearman_rs.ini"
    else
        scanned=$("$PHP" --ini | sed -n 's/^Scan for additional .ini files in: //p')
        case $scanned in
            "" | "(none)") echo "" ;;
            *) echo "$DESTDIR${scanned%%:*}/gearman_rs.ini" ;;
        esac
    fi
}

# The ini files that load pecl's module, in any of PHP's SAPIs.
pecl_enabled() {
    {
        "$PHP" --ini | tr ',' '\n' | sed -n 's/^[^/]*\(\/.*\.ini\) *$/\1/p'
        if is_debians; then compgen -G "/etc/php/$version/*/conf.d/*.ini"; compgen -G "/etc/php/$version/*/php.ini"; fi || true
    } | sort -u | tr '\n' '\0' |
        xargs -0 -r grep -lsE '^[[:space:]]*extension[[:space:]]*=[[:space:]]*"?([^"]*/)?gearman(\.so)?"?[[:space:]]*(;.*)?$' || true
}

refuse_beside_pecl() {
    local found
    found=$(pecl_enabled)
    [ -n "$found" ] || return 0
    say "pecl's gearman is enabled, in:"
    say "$found"
    say "Both modules are called 'gearman', and PHP can load only one of them. Disable pecl's first,"
    if have phpdismod && [[ $found == */conf.d/* ]]; then
        say "    phpdismod -v $version gearman        (as root; phpenmod brings it back)"
    else
        say "    by removing its line 'extension=gearman' from there,"
    fi
    die "then 'make install' again."
}

writable() { # the file, or the nearest folder above it that is there
    local path=$1
    until [ -e "$path" ]; do path=$(dirname "$path"); done
    [ -w "$path" ]
}

install_all() {
    local ini program page
    ini=$(ini_file)
    if [ -z "$DESTDIR" ]; then refuse_beside_pecl; fi
    for program in "${programs[@]/#/release/}" release/gearman_rs.so "${pages[@]/#man?/man}"; do
        [ -f "target/$program" ] || { PROFILE=release scripts/build.sh; break; }
    done
    # That of the last build, which may have been for another PHP.
    check_module "$root/target/release/gearman_rs.so"
    if ! writable "$module" || ! writable "$bin/x" || ! writable "$man/x"; then
        die "No right to write to $(dirname "$module"), $bin or $man: as root, or with DESTDIR and PREFIX"
    fi

    install -D -m 644 target/release/gearman_rs.so "$module"
    say "installed $module"
    for program in "${programs[@]}"; do
        install -D -m 755 "target/release/$program" "$bin/$program"
        say "installed $bin/$program"
    done
    for page in "${pages[@]}"; do
        install -D -m 644 "target/man/${page#*/}" "$man/$page"
        say "installed $man/$page"
    done
    if [ -z "$ini" ]; then
        say "PHP reads no folder of ini files: put 'extension=gearman_rs.so' into its php.ini"
        return
    fi
    # As all of it, to be read by everybody, whatever root's umask is.
    printf '%s\n' '; priority=20' 'extension=gearman_rs.so' | install -D -m 644 /dev/stdin "$ini"
    say "installed $ini"
    [ -z "$DESTDIR" ] || return 0
    if is_debians && have phpenmod; then phpenmod -v "$version" gearman_rs; fi
    "$PHP" -r 'exit((int) !extension_loaded("gearman"));' || die "but PHP does not load it: see the message above, or php --ini"
    say "PHP $version now has gearman $("$PHP" -r 'echo phpversion("gearman");'); restart PHP-FPM or Apache where they run"
}

uninstall_all() {
    local ini program
    ini=$(ini_file)
    if [ -z "$DESTDIR" ] && is_debians && [ -f "$ini" ] && have phpdismod; then
        phpdismod -v "$version" gearman_rs
    fi
    for program in "$module" "${ini:-$module}" "${programs[@]/#/$bin/}" "${pages[@]/#/$man/}"; do
        if [ -e "$program" ]; then rm "$program" && say "removed $program"; fi
    done
}

case ${1:-} in
    install) install_all ;;
    uninstall) uninstall_all ;;
    *) die "usage: install.sh install|uninstall" ;;
esac
