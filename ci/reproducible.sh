#!/usr/bin/env bash
# reproducible.sh: builds the last commit twice, in checkouts and target folders at different places and on another day, and
# compares the bytes of the module, the server and the tools. REPRODUCIBLE_DIR (target/reproducible) keeps both; what is built
# there already is built again only where a source changed.
#
# The last line is "N passed, N failed".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

place=$(realpath -m "${REPRODUCIBLE_DIR:-target/reproducible}")
files=(libgearman_rs.so gearmand gearman gearadmin gearman-runner)
passed=0 failed=0

# build CHECKOUT: as `make build` does.
build() {
    [ -d "$1" ] || git clone -q --no-hardlinks . "$1"
    git -C "$1" fetch -q origin HEAD
    git -C "$1" checkout -q --detach FETCH_HEAD
    (
        cd "$1"
        export CARGO_TARGET_DIR=$1/target
        cargo build --locked --release -p gearmand -p gearman-tools
        cargo build --locked --release -p gearman_rs
    )
}

scripts/need.sh build
one=$place/one two=$place/two/with/a/longer/name
build "$one"
build "$two"
for file in "${files[@]}"; do
    if cmp "$one/target/release/$file" "$two/target/release/$file"; then
        echo "ok   $file $(sha256sum <"$one/target/release/$file" | cut -c 1-16)"
        passed=$((passed + 1))
    else
        echo "FAIL $file differs"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
