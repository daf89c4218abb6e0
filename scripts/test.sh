#!/usr/bin/env bash
# test.sh [rust|php|interop...]: all tests, or only these: Rust's, PHP's, the interop scripts. It tells what runs, how far it is and what
# each part took; the last line counts the tests.
#
#   PROFILE=release   tests what users get, which takes minutes more to build (dev). Rust's own tests are always built by dev.
#   ONLY=tls,fpm      of the interop scripts only these; patterns are good, too: 'tls*'
#   PART_MINUTES=9    a part that takes longer hangs, and is ended (45)
#   JOBS=1            so many parts at a time (4), and so many of PHP's tests (2); RUST_TEST_THREADS=1: of Rust's (6)
#
# An interop script is any executable interop/*.sh. It finds the peers in the variables of
# peers/interop.sh, and ends with a line "N passed, N failed"; without one it counts as one test.
set -euo pipefail
export PROFILE=${PROFILE:-dev}
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/side-by-side.sh
. scripts/side-by-side.sh

kinds=("$@")
if [ $# = 0 ]; then kinds=(rust php interop); fi
for kind in "${kinds[@]}"; do
    case $kind in rust | php | interop) ;; *) die "usage: test.sh [rust|php|interop...]" ;; esac
done
wanted() { [[ " ${kinds[*]} " == *" $1 "* ]]; }

# chosen NAME: is it one of those in ONLY?
chosen() {
    local pattern only
    IFS=, read -ra only <<<"${ONLY:-*}"
    # shellcheck disable=SC2053
    for pattern in "${only[@]}"; do if [[ $1 == $pattern ]]; then return; fi; done
    return 1
}
scripts=()
if wanted interop; then
    # Those that take long first, so that none of them is alone at the end.
    for script in interop/{runner,page,api,packages-laravel}.sh interop/*.sh; do
        if [[ " ${scripts[*]} " == *" $script "* ]]; then continue; fi
        if [ -x "$script" ] && chosen "$(basename "$script" .sh)"; then scripts+=("$script"); fi
    done
    [ ${#scripts[@]} -gt 0 ] || die "ONLY=$ONLY: no interop script has such a name"
fi
has_page() { [[ " ${scripts[*]} " == *" interop/page.sh "* ]]; }

# What the chosen tests run, and what they need besides; but databases are waited for after that.
build() {
    local needed=()
    if wanted rust; then export RUST_TESTS=1 && needed+=(test-rust); fi
    if ! wanted php && ! wanted interop; then
        scripts/need.sh rust "${needed[@]}" && cargo build --workspace --exclude gearman_rs --all-targets
        return
    fi
    if wanted php; then needed+=(test-php); fi
    if wanted interop; then needed+=(test); fi
    if has_page; then needed+=(page); fi
    scripts/build.sh "${needed[@]}"
}

parts=$((1 + ${#scripts[@]}))
if wanted rust; then parts=$((parts + 1)); fi
if wanted php; then parts=$((parts + 1)); fi

export CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80
run build build
[ "$status" = 0 ] || die "It does not build: $logs/build.log"
built_in "build ($PROFILE)"
databases=''
if wanted rust || { wanted interop && [ -z "${ONLY:-}" ]; }; then
    databases=$(peers/databases.sh) || [ -z "${CI:-}" ] || die "the databases are missing: peers/databases.sh"
    [ "$databases" ] || say "there are no databases: tests of queues in them are skipped"
fi
set -a
eval "$databases"
if wanted interop; then eval "$(peers/interop.sh)"; fi
set +a

# Rust's tests wait most of the time, for leases that end and servers that come back.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-6}
if wanted rust; then beside cargo cargo test --workspace --exclude gearman_rs --no-fail-fast; fi
if wanted php; then beside phpt php-tests/run.sh; fi
for script in "${scripts[@]}"; do beside "interop-$(basename "$script" .sh)" "$script"; done
await_all
report
