#!/usr/bin/env bash
# notices.sh CRATE...: the libraries that are part of what is built from those crates of ours, with their licences and notices, as
# these want to go along with it. They are read from where cargo unpacked the libraries.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || die "usage: notices.sh CRATE..."
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
list=$(cargo tree --locked --offline "${@/#/-p}" -e normal,no-proc-macro --no-dedupe --prefix none --format '{p}|{l}' |
    grep -vF ' (/' | LC_ALL=C sort -u)

echo "Libraries that are part of $*, with their licences and notices. Rust's own, MIT or Apache-2.0, is part of it as well."
while IFS='|' read -r name licence; do
    # cargo has had other names for its folder of crates.io: there may be more than one.
    folder=$(compgen -G "$sources/*/${name/ v/-}" | head -n 1) || die "cargo has not unpacked $name"
    printf '\n%s\n%s: %s\n' "$(printf '=%.0s' {1..80})" "$name" "$licence"
    while IFS= read -r file; do
        printf -- '\n--- %s\n\n' "${file##*/}"
        # Some end their lines as Windows does.
        tr -d '\r' <"$file"
    done < <(find "$folder" -maxdepth 1 -type f | grep -iE '/(licen[cs]e|unlicense|copying|copyright|notice)[^/]*$' | LC_ALL=C sort)
done <<<"$list"
