#!/usr/bin/env bash
# What README.md, the pages of docs/ and others show is so: each page's commands and programs, as they stand and in their order, print what is written
# below them. docs/testing.md has the rule; DOCS_PAGES="docs/client.md" takes some pages alone.
#
# The pages name port 4730: each is tried in a network of its own, or, where none can be had, at that port if nobody has it.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"

pages=(README.md CONTRIBUTING.md SECURITY.md docs/*.md examples/*/README.md)
if [ "${DOCS_PAGES:-}" ]; then read -ra pages <<<"$DOCS_PAGES"; fi
mkdir "$scratch/bin" "$scratch/logs" "$scratch/pids"
export PATH=$scratch/bin:$PATH DOCS_LOGS=$scratch/logs DOCS_DATABASE=''

# program NAME COMMAND...: a script of this name, which becomes the command; the arguments of the page go behind.
program() {
    printf '#!/bin/sh\nexec %s "$@"\n' "${*:2}" >"$scratch/bin/$1"
    chmod +x "$scratch/bin/$1"
}
program php "$(command -v "$PHP")" -n -d "extension=$MODULE" -d display_errors=stderr
program gearman "$GEARMAN"
program gearadmin "$GEARADMIN"
program gearman-runner "$built/gearman-runner"
# What a page leaves out: where root's server writes.
program gearmand "$GEARMAND" "${server_user[*]}" -l "$scratch/gearmand.log" -P "$scratch/pids/\$\$"

add_up "$scratch/bin/php" interop/docs/look.php "${pages[@]}"
for page in docs/*.md; do
    [ "$page" = docs/SUMMARY.md ] || grep -qF "](${page#docs/})" docs/SUMMARY.md || fail "$page is in docs/SUMMARY.md"
done

# With processes of its own, too: whatever a page has started ends with it, also when this is interrupted.
network=()
for namespaces in -npf -rnpf; do
    if unshare $namespaces --kill-child ip link set lo up 2>/dev/null; then
        network=(unshare "$namespaces" --kill-child)
        break
    fi
done
in_network() {
    if [ ${#network[@]} -gt 0 ]; then "${network[@]}" sh -c 'ip link set lo up && exec "$@"' sh "$@"; else "$@"; fi
}
if [ ${#network[@]} = 0 ] && { listens 4730 || listens 4790; }; then
    [ -z "${CI:-}" ] || die 'the ports of the pages are taken'
    skip 'a network namespace cannot be had here (unshare -n wants root, and ip), and the ports of the pages are taken'
    finish
fi

if start_postgres -F; then DOCS_DATABASE="host=$data user=postgres dbname=postgres"; fi
for page in "${pages[@]}"; do
    mkdir "$scratch/page"
    (cd "$scratch/page" && in_network php "$root/interop/docs/run.php" "$root/$page") >"$scratch/checks" 2>>"$log" || echo "FAIL $page: ended with $?" >>"$scratch/checks"
    if [ -s "$scratch/checks" ]; then add_up cat "$scratch/checks"; fi
    # Servers that are daemons by now; these are not their numbers where they had a network of their own.
    for file in "$scratch"/pids/*; do
        if [ ${#network[@]} = 0 ] && [ -f "$file" ]; then stop "$(cat "$file")"; fi
    done
    rm -rf "$scratch/page" "$scratch"/pids/*
done
finish
