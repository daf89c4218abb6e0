# shellcheck shell=bash
# A group of peers/table that is packages of Debian: they are used from a folder, without being installed, which would start
# servers and put modules into everyone's PHP. What is installed already is used where it is. To be sourced behind scripts/lib.sh.
#
# The caller sets group, makes wrappers of its programs in bin/, and writes variables to the file vars, which tell where they are.
# shellcheck source=peers/table.sh
. peers/table.sh

peers=$root/target/peers/${group:?}
files=$peers/root # the unpacked packages
# shellcheck disable=SC2034
vars=$peers/vars
mapfile -t packages < <(listed "$group" debian)
alone

# What is there was fetched by the table as it is now.
as_listed() { [ "$(rows "$group")" = "$(cat "$peers/listed" 2>/dev/null)" ]; }

# begin: an empty folder, and what is unpacked in it.
begin() {
    rm -rf "$peers"
    mkdir -p "$peers"
    unpack
    rows "$group" >"$peers/listed"
}

# Those of our packages, and of what they depend on, that are not installed.
to_unpack() {
    local package
    apt-get -s install --no-install-recommends "${packages[@]}" | awk '$1 == "Inst" { print $2 }' || return
    # Of these no more than libraries: the rest starts them with the system, or is for their web pages.
    for package in $(listed "$group" optional); do
        apt-cache show "$package" >/dev/null 2>&1 || continue
        apt-get -s install --no-install-recommends "$package" |
            awk -v package="$package" '$1 == "Inst" && ($2 == package || $2 ~ /^(lib|php)/ && $2 !~ /^libjs/) { print $2 }'
    done
}

unpack() {
    local list
    have apt-get || die "Missing, and there is no apt-get to fetch it: ${packages[*]} (named as in Debian)"
    apt_knows "${packages[@]}"
    list=$(to_unpack | sort -u)
    [ -n "$list" ] || return 0
    say "fetching into ${peers#"$root"/} (not installing): ${list//$'\n'/ }"
    mkdir -p "$peers/debs" "$files"
    (
        cd "$peers/debs" || exit
        # shellcheck disable=SC2086
        fetch $list || { apt_update && fetch $list; } || { cat apt.log >&2; die "apt-get could not fetch: $list"; }
        for deb in *.deb; do dpkg -x "$deb" "$files"; done
    )
    rm -rf "$peers/debs"
}
# Root's downloads would else be made by a user of apt's own, who may not write here.
fetch() { apt-get download -o APT::Sandbox::User="$(id -un)" "$@" >apt.log 2>&1; }

# The unpacked file if there is one, else the system's.
locate() { if [ -e "$files$1" ]; then echo "$files$1"; else echo "$1"; fi; }

# Sets libs: the LD_LIBRARY_PATH of the unpacked libraries; empty where the system has them all.
find_libs() {
    local dir
    libs=""
    for dir in "$files"/usr/lib/*-linux-gnu* "$files"/lib/*-linux-gnu*; do
        if [ -d "$dir" ]; then libs=${libs:+$libs:}$dir; fi
    done
}

wrapper() { # NAME COMMAND...
    local name=$1
    shift
    mkdir -p "$peers/bin"
    {
        echo '#!/bin/sh'
        if [ -n "$libs" ]; then
            echo "LD_LIBRARY_PATH=$(printf %q "$libs")\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH} && export LD_LIBRARY_PATH"
        fi
        echo "exec$(printf ' %q' "$@") \"\$@\""
    } >"$peers/bin/$name"
    chmod +x "$peers/bin/$name"
}
