#!/usr/bin/env bash
# A crate's modules are used as the map in its lib.rs or main.rs says: each uses only those above it, and a module and its
# children each other. So there are no circles. `use crate::` lines count, and paths in code; not comments, not tests.
set -euo pipefail

wrong=0
say() {
    echo "$src: $*" >&2
    wrong=1
}

# The place of a module in the map; empty where it is not there.
line() { grep -nxF "$1" <<<"$map" | cut -d: -f1 || true; }

# Is there a module of this name?
module() {
    local path=$src/${1//::/\/}
    [ -f "$path.rs" ] || [ -f "$path/mod.rs" ]
}

# The code of a file without comments and tests.
code() { sed '/^mod tests {/,$d; s/\/\/.*//' "$1"; }

# What the code of module $1 names, from the root on: the paths after `crate::` and `super::`, each of those in braces too.
uses() {
    local parent='' path prefix name
    case $1 in *::*) parent=${1%::*}:: ;; esac
    tr '\n' ' ' <"$2" | grep -oE '\b(crate|super)::([a-z_0-9]+::)*(\{[^{}]*\}|[a-z_0-9]+)' | while read -r path; do
        case $path in super::*) path=$parent${path#super::} ;; esac
        path=${path#crate::}
        prefix=${path%%\{*}
        case $path in
            *\{*) path=${path#*\{} path=${path%\}} && for name in ${path//,/ }; do echo "$prefix$name"; done ;;
            *) echo "$path" ;;
        esac
    done | sort -u
}

check_file() {
    local user=$1 file=$2 place used above
    place=$(line "$user")
    if [ -z "$place" ]; then
        # A folder's mod.rs may do no more than to name its modules.
        ! grep -qvE '^(//.*|#\[cfg.*|(pub |pub\(crate\) )?mod [a-z_0-9]+;|)$' "$file" || say "$user is not in the map"
        return 0
    fi
    code "$file" >"$code"
    ! tr '\n' ' ' <"$code" | grep -qE 'use (crate|super)::[^;{]*\{[^;}]*\{' || say "$user has braces in braces: one line each"
    for used in $(uses "$user" "$code"); do
        # A module, or something in one; else it belongs to the root, which is everybody's parent.
        until [ -z "$used" ] || module "$used"; do
            case $used in *::*) used=${used%::*} ;; *) used='' ;; esac
        done
        [ -n "$used" ] || continue
        case $user in "$used" | "$used"::*) continue ;; esac
        case $used in "$user"::*) continue ;; esac
        above=$(line "$used")
        if [ -z "$above" ]; then
            say "$user uses $used, which is not in the map"
        elif [ "$above" -gt "$place" ]; then
            say "$user uses $used, which is below it"
        fi
    done
}

code=$(mktemp)
trap 'rm -f "$code"' EXIT
[ $# -gt 0 ] || { echo "usage: map.sh crates/NAME/src..." >&2 && exit 2; }
for src in "$@"; do
    root=$src/lib.rs
    [ -f "$root" ] || root=$src/main.rs
    map=$(sed -n '/^\/\/! ```text/,/^\/\/! ```$/p' "$root" | sed -nE 's/^\/\/! ([a-z_0-9:]+(, [a-z_0-9:]+)*)  .*/\1/p' | sed 's/, /\n/g')
    for file in $(find "$src" -name '*.rs' -not -path "$src/process/*" -not -path "$src/bin/*" -not -path '*/tests/*' \
        -not -name tests.rs | sort); do
        user=${file#"$src"/}
        user=${user%.rs}
        user=${user%/mod}
        user=${user//\//::}
        case $user in lib | main | fuzzing | fuzzing::* | broker::check) continue ;; esac
        check_file "$user" "$file"
    done
    for name in $map; do
        module "$name" || say "$name is in the map and nowhere else"
    done
done
exit "$wrong"
