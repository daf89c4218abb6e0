#!/usr/bin/env bash
# matrix.sh [ROW...]: builds the module for several PHPs and runs the PHP tests on each; a table at the end.
#
#   system          the first PHP in PATH, or PHP=... PHP_CONFIG=...; Debian 12's is 8.2
#   system-jit      the same with opcache and its tracing JIT
#   system-tls      the same, and the tests' clients and workers speak TLS with their server
#   8.2-debug       the source in peers/table, configured with --enable-debug: tells of request memory that was not freed
#   8.2-zts         the same source with --enable-zts
#   8.2-*-embed     those two inside another program: restarts, and threads (embed.sh)
#   8.4, 8.4-jit    Debian's packages of the suites in peers/table, in a root folder of their own
#   8.5             the same; skipped where they cannot be had
#
# Each PHP is fetched or built once and kept in MATRIX_DIR (target/matrix), with logs and builds of the
# module. Debian's root folders need a root that may mount.
#
# The last line is "N passed, N failed, N skipped".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=ci/php.sh
. ci/php.sh
# shellcheck source=ci/rows.sh
. ci/rows.sh

all=(system system-jit system-tls 8.2-debug 8.2-debug-embed 8.2-zts 8.2-zts-embed 8.4 8.4-jit 8.5)
jit=(-d zend_extension=opcache -d opcache.enable_cli=1 -d opcache.jit=tracing -d opcache.jit_buffer_size=64M)

run_row() {
    local name=${1%-jit}
    name=${name%-tls}
    choose "${name%-embed}"
    # shellcheck disable=SC2016
    echo "PHP $(with "$php" -n -r 'echo PHP_VERSION, PHP_ZTS ? " ZTS" : " NTS", PHP_DEBUG ? " debug" : "";')"
    make_module
    case $1 in
        *-embed) with ci/embed.sh ;;
        *-jit)
            # shellcheck disable=SC2016
            with "$php" -n "${jit[@]}" -r 'exit(opcache_get_status(false)["jit"]["on"] ? 0 : 1);' || die "no JIT"
            with env RUN_TESTS_ARGS="${jit[*]}" php-tests/run.sh
            ;;
        *-tls) with env TLS=1 php-tests/run.sh ;;
        *) with php-tests/run.sh ;;
    esac
}

choose_rows "$@"
mkdir -p "$cache"
scripts/need.sh build matrix
cargo build --release -p gearmand
cargo fetch --locked # where a PHP's root folder has no network settings, too
for name in "${rows[@]}"; do row "$name"; done
print_table
