# shellcheck shell=bash
# The PHPs that the module is tested with: each is fetched or built once and kept in a folder, with the module made for it. To be
# sourced behind scripts/lib.sh.
# shellcheck source=peers/table.sh
. peers/table.sh

cache=$(realpath -m "${MATRIX_DIR:-target/matrix}")

# choose PHP: system, 8.2-debug, 8.2-zts, or the version of one in a Debian. Makes it where it is missing, and sets what `with` needs.
choose() {
    place=$cache/php-$1 inside=()
    mkdir -p "$place"
    # All of this machine in one folder: cargo builds anew what depends on PHP.
    builds=$cache/target php=$place/php/bin/php php_config=$place/php/bin/php-config
    case $1 in
        # ext-php-rs wants paths
        system) php=$(command -v "$PHP") php_config=$(command -v "$PHP_CONFIG") ;;
        *-debug) ci/php-source.sh "$place" --enable-debug ;;
        *-zts) ci/php-source.sh "$place" --enable-zts ;;
        *) debian "$1" ;;
    esac
}
debian() {
    local suites
    IFS=, read -ra suites < <(pinned php "php$1")
    inside=(ci/php-debian.sh run "$place")
    builds=$place/target
    php=/usr/bin/php$1 php_config=/usr/bin/php-config$1
    ci/php-debian.sh make "$place" "$1" "${suites[@]}"
}

# with COMMAND...: runs it with the chosen PHP and the module made for that.
with() {
    "${inside[@]}" env PHP="$php" PHP_CONFIG="$php_config" CARGO_TARGET_DIR="$builds" \
        EXT="$place/gearman_rs.so" GEARMAND="$root/target/release/gearmand" "$@"
}

# make_module: for the chosen PHP.
make_module() {
    with cargo build --release -p gearman_rs
    cp "$builds/release/libgearman_rs.so" "$place/gearman_rs.so"
}
