# shellcheck shell=bash
# Packages of Debian that are used from a folder, without being installed: that would start servers and put
# modules into everyone's PHP. What is installed already is used where it is. To be sourced behind lib.sh.
#
# The caller sets:
#   peers      the folder; its bin/ gets the wrappers
#   packages   what to have there

files=$peers/root # the unpacked packages

# Those of our packages, and of what they depend on, that are not installed. A caller may have its own.
to_unpack() { apt-get -s install --no-install-recommends "${packages[@]}" | awk '$1 == "Inst" { print $2 }'; }

unpack() {
    local list
    have apt-get || die "Missing, and there is no apt-get to fetch it: ${packages[*]} (named as in Debian)"
    apt_knows "${packages[@]}"
    list=$(to_unpack | sort -u)
    [ -n "$list" ] || return 0
    say "fetching into ${peers#"$root"/} (not installing): ${list//$'\n'/ }"
    mkdir -p "$peers/debs" "$files"
    (
        cd "$peers/debs"
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
