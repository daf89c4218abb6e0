#!/usr/bin/env bash
# build.sh [GROUP...]: the module and the programs, with cargo's profile PROFILE:
#
#   release   as users get them, and the manual pages (default)
#   dev       for tests: without manual pages
#   demo      soon there: the module, the server and the tools alone
#
# RUST_TESTS=1 builds Rust's own tests, too, with dev. Before all, what is missing is installed, also what the groups of need.sh want that
# are named.
set -euo pipefail
export PROFILE=${PROFILE:-release}
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

case $PROFILE in
    # There are no examples: to name them gives the programs the features that they have beside tests, so that they are the same ones.
    dev) programs=(--workspace --exclude gearman_rs --bins --examples ${RUST_TESTS:+--all-targets}) ;;
    demo) programs=(-p gearmand -p gearman-tools) ;;
    *) programs=(--workspace --exclude gearman_rs) ;;
esac

# PHP is fetched beside what is compiled without it, unless somebody would have to type a password there.
scripts/need.sh rust
needed=''
if [ "$(id -u)" = 0 ]; then
    scripts/need.sh build "$@" &
    needed=$!
else
    scripts/need.sh build "$@"
fi
status=0
cargo build --profile "$PROFILE" "${programs[@]}" || status=$?
if [ "$needed" ]; then wait "$needed" || die "What building needs could not be installed: it is told above."; fi
[ "$status" = 0 ] || exit "$status"
# cargo does not see that behind the same path there is another PHP now, as after an upgrade of the system.
php="$("$PHP_CONFIG" --vernum) $("$PHP_CONFIG" --extension-dir)"
if [ "$php" != "$(cat "$built/php" 2>/dev/null)" ]; then
    cargo clean --quiet --profile "$PROFILE" -p gearman_rs -p ext-php-rs
    mkdir -p "$built"
    echo "$php" >"$built/php"
fi
# Alone: built together with the server, it would get the server's features of tokio.
cargo build --profile "$PROFILE" -p gearman_rs
if [ "$PROFILE" = demo ]; then exit; fi
if [ "$PROFILE" = release ]; then scripts/man.sh; fi

# Moved into place, not written over: a PHP that runs with the old module keeps it.
cd "$built"
if ! cmp -s libgearman_rs.so gearman_rs.so; then
    cp libgearman_rs.so gearman_rs.so.new
    mv gearman_rs.so.new gearman_rs.so
fi
# The last build: scripts/lib.sh.
ln -sfn "${built##*/}" "$root/target/built"
