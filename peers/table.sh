# shellcheck shell=bash
# Reads peers/table. To be sourced behind scripts/lib.sh.

# rows GROUP: its lines, with the version of the PHP at hand.
rows() {
    awk -v group="$1" '!/^#/ && index("," $1 ",", "," group ",")' "$root/peers/table" | sed "s/X\.Y/$(php_version)/"
}
# listed GROUP FROM: the packages of a group that come from there.
listed() { rows "$1" | awk -v from="$2" '$3 == from { print $2 }'; }
# pinned GROUP PACKAGE: its version, suites or file.
pinned() { rows "$1" | awk -v package="$2" '$2 == package { print $4 }'; }

# Waits until nobody else fetches: in a fresh checkout several tests want the same at once, and apt is for one at a time. Until the
# script's end.
alone() {
    mkdir -p "$root/target/peers"
    exec {lock}>"$root/target/peers/lock"
    flock "$lock"
}
