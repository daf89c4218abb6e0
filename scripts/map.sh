#!/usr/bin/env bash
# A crate's modules are used as the map in its lib.rs says: each uses only those above it, and a module and its children
# each other. So there are no circles. `use crate::` lines count, and paths in code; not comments, not tests.
set -euo pipefail

src=${1:?usage: map.sh crates/NAME/src}
map=$(sed -n '/^\/\/! ```text/,/^\/\/! ```$/p' "$src/lib.rs" | sed -nE 's/^\/\/! ([a-z_:]+)  .*/\1/p')
line() { grep -nxF "$1" <<<"$map" | cut -d: -f1 || true; }

wrong=0
say() {
    echo "$src: $*" >&2
    wrong=1
}
for file in $(find "$src" -name '*.rs' -not -path "$src/process/*" -not -path '*/tests/*' | sort); do
    user=${file#"$src"/}
    user=${user%.rs}
    user=${user%/mod}
    user=${user//\//::}
    case $user in lib | main | fuzzing | broker::check) continue ;; esac
    place=$(line "$user")
    if [ -z "$place" ]; then
        # A folder's mod.rs may do no more than to name its modules.
        grep -qvE '^(//.*|(pub |pub\(crate\) )?mod [a-z_]+;|)$' "$file" && say "$user is not in the map"
        continue
    fi
    ! grep -qE 'use crate::\{' "$file" || say "$user uses many at once: name them by a line each"
    for path in $(sed '/^mod tests {/,$d; s/\/\/.*//' "$file" | grep -oE '\bcrate::[a-z_]+(::[a-z_]+)?' | sort -u); do
        used=${path#crate::}
        [ -n "$(line "$used")" ] || used=${used%%::*}
        above=$(line "$used")
        case $user in "$used" | "$used"::*) continue ;; esac
        case $used in "$user"::*) continue ;; esac
        if [ -z "$above" ]; then
            say "$user uses $used, which is not in the map"
        elif [ "$above" -gt "$place" ]; then
            say "$user uses $used, which is below it"
        fi
    done
done
for module in $map; do
    path=$src/${module//::/\/}
    [ -f "$path.rs" ] || [ -f "$path/mod.rs" ] || say "$module is in the map and nowhere else"
done
exit "$wrong"
