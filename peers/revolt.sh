#!/usr/bin/env bash
# Revolt, the event loop, from a suite of Debian that is newer than this system; it needs PHP alone. Prints where it is, for eval:
#
#   REVOLT_CLASSES   the folder of its classes, for PHP's include path
#
# apt gets lists of its own for that, so that the system's stay as they are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=peers/table.sh
. peers/table.sh

peers=$root/target/peers/revolt
classes=$peers/root/usr/share/php
mapfile -t packages < <(listed revolt debian)

as_listed() { [ -f "$classes/Revolt/EventLoop.php" ] && [ "$(rows revolt)" = "$(cat "$peers/listed" 2>/dev/null)" ]; }

apt_of_its_own() {
    apt-get -o "Dir::State::Lists=$peers/apt/lists" -o "Dir::Cache=$peers/apt/cache" -o "Dir::Etc::SourceList=$peers/apt/list" \
        -o Dir::Etc::SourceParts=- -o Acquire::Languages=none -o "APT::Sandbox::User=$(id -un)" "$@" >>"$peers/apt.log" 2>&1
}

fetch() {
    mkdir -p "$peers/apt/lists/partial" "$peers/apt/cache/archives/partial"
    echo "deb http://deb.debian.org/debian $(pinned revolt "${packages[0]}") main" >"$peers/apt/list"
    apt_of_its_own update
    (cd "$peers/apt" && apt_of_its_own download "${packages[@]}")
    for deb in "$peers"/apt/*.deb; do dpkg -x "$deb" "$peers/root"; done
    rm -rf "$peers/apt"
    rows revolt >"$peers/listed"
}

alone
if ! as_listed; then
    have apt-get || die "Missing, and there is no apt-get to fetch it: ${packages[*]} (named as in Debian)"
    rm -rf "$peers"
    mkdir -p "$peers"
    say "fetching into ${peers#"$root"/} (not installing): ${packages[*]}"
    fetch || { cat "$peers/apt.log" >&2; die "apt-get could not fetch: ${packages[*]}"; }
fi
printf '%s=%q\n' REVOLT_CLASSES "$classes"
