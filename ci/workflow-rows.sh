#!/usr/bin/env bash
# workflow-rows.sh field ROW FIELD   a field of a row of ci/rows: when, on, php, rust, image or command
# workflow-rows.sh matrix WHEN       those rows as a workflow's matrix has them
# workflow-rows.sh check             the workflows have the rows of the table, and the table the versions of the project
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "$*" >&2 && exit 1; }
rows() { grep -vE '^(#|$)' ci/rows; }

field() {
    local line name when on php rust image command
    line=$(rows | grep -E "^$1 " || true)
    [ -n "$line" ] || die "there is no row $1; there are: $(rows | cut -d' ' -f1 | tr '\n' ' ')"
    # shellcheck disable=SC2034
    read -r name when on php rust image command <<<"$line"
    echo "${!2}"
}

matrix() {
    rows | awk -v when="$1" '
        BEGIN { runner["amd64"] = "ubuntu-24.04"; runner["arm64"] = "ubuntu-24.04-arm" }
        $2 == when { printf "          - { row: %s, runner: %s }\n", $1, runner[$3] }'
}

# check_workflow WHEN FILE: what stands between its two remarks.
check_workflow() {
    diff -u <(matrix "$1") <(sed -n '/# ci\/rows$/,/# end$/{/#/d;p}' "$2") ||
        die "$2 has other rows than ci/rows: ci/workflow-rows.sh matrix $1 prints them"
}

check() {
    local wanted found
    check_workflow change .github/workflows/ci.yml
    check_workflow night .github/workflows/nightly.yml
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml).0
    found=$(field msrv rust)
    [ "$found" = "$wanted" ] || die "the row msrv has Rust $found, and Cargo.toml $wanted"
    # Images are built with the toolchain that is tested.
    wanted=$(field debian-12 rust)
    for file in Dockerfile examples/compose/php.Dockerfile ci/release/lib.sh; do
        grep -qE "^(ARG RUST|rust)=$wanted\$" "$file" || die "$file has another Rust than the row debian-12, $wanted"
    done
}

case ${1:-} in
    field) field "$2" "$3" ;;
    matrix) matrix "$2" ;;
    check) check ;;
    *) die "usage: workflow-rows.sh field ROW FIELD | matrix WHEN | check" ;;
esac
