# shellcheck shell=bash
# What the scripts here share, each of which puts the module into the PHP of the system in which it runs, as root, and takes it
# away again. To be sourced; leaves the caller in the project's root folder. The caller has a function install, and calls
# there_or_away with its arguments.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

module=$(php -n -r 'echo PHP_EXTENSION_DIR;')/gearman.so
ini=$(php -n -r 'echo PHP_CONFIG_FILE_SCAN_DIR;')/20-gearman.ini

enable() {
    echo 'extension=gearman' >"$ini"
    php -r 'exit((int) !extension_loaded("gearman"));'
}
there_or_away() {
    case ${1:-} in
        # One after the other: in a condition, -e does not hold.
        install)
            install
            enable
            ;;
        remove) rm "$ini" "$module" ;;
        *) echo "usage: ${0##*/} install|remove" >&2 && exit 2 ;;
    esac
}
