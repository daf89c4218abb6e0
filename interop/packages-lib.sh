# shellcheck shell=bash
# Tests of packages/ with the module and with pecl's. To be sourced behind lib.sh.

peers=$(peers/packages.sh) || die "what the packages' tests need is missing: peers/packages.sh"
eval "$peers"
export GEARMAND

# php_script ours|pecl: a program of its own, as tests start more of it. Sets TEST_PHP.
php_script() {
    TEST_PHP=$scratch/php-$1
    {
        echo '#!/bin/sh'
        if [ "$1" = ours ]; then
            printf 'exec %q -d extension=%q -d display_errors=stderr "$@"\n' "$PACKAGES_PHP" "$MODULE"
        else
            printf 'LD_LIBRARY_PATH=%q exec %q -d extension=%q -d display_errors=stderr "$@"\n' "${PEER_LIBS:-}" "$PACKAGES_PHP" "$PECL_GEARMAN_SO"
        fi
    } >"$TEST_PHP"
    chmod +x "$TEST_PHP"
    export TEST_PHP
}

# ends_by SIGNAL PID CONDITION...: sends the signal until the condition holds, three times at most. PHP forgets one that comes while an
# exception is on its way to its catch, and frameworks throw some in each turn.
ends_by() {
    local signal=$1 pid=$2
    shift 2
    for _ in 1 2 3; do
        kill "-$signal" "$pid" 2>/dev/null
        if wait_for 20 "$@"; then return 0; fi
    done
    return 1
}

# unit_tests PACKAGE ours|pecl: its PHPUnit tests; each of them counts as one.
unit_tests() {
    local results=$scratch/results.xml
    php_script "$2"
    rm -f "$results"
    "$TEST_PHP" "$PACKAGES_PHPUNIT" --no-configuration --do-not-cache-result --bootstrap "${BOOTSTRAP:-$root/packages/autoload.php}" \
        --log-junit "$results" "$root/packages/$1/tests" >"$scratch/phpunit" 2>&1 || cat "$scratch/phpunit"
    context="$1, $2 module: "
    add_up "$TEST_PHP" "$root/interop/packages/results.php" "$results"
}
