# shellcheck shell=bash
# Another host, which is a network namespace joined to this one by a cable; the cable can be cut. The script that sources this, behind
# interop/lib.sh, runs in a namespace of its own, and ends here where that cannot be had.

if [ -z "${IN_NAMESPACE:-}" ]; then
    if ! unshare -n ip link set lo up 2>/dev/null; then
        skip 'a network namespace cannot be had here (unshare -n wants root, and ip)'
        finish
    fi
    rm -rf "$scratch"
    IN_NAMESPACE=1 exec unshare -n bash -c 'ip link set lo up && exec "$0"' "$root/ci/$(basename "$0")"
fi

here=192.0.2.1 there=192.0.2.2
nowhere=02:00:00:00:00:01 # an address of no card

background unshare -n tail -f /dev/null
away=$pid
at_away() { nsenter -t "$away" -n "$@"; }
has_left() { [ "$(readlink "/proc/$away/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
await has_left || fail 'another namespace'
if ! ip link add here type veth peer name there netns "$away" 2>>"$log"; then
    skip 'this system has no virtual cables (veth)'
    finish
fi
ip addr add "$here/24" dev here && ip link set here up
at_away ip addr add "$there/24" dev there && at_away ip link set there up
at_away ip link set lo up

# Silently: both cards stay up, but each believes the other one to have an address that nobody has.
cut_cable() {
    ip neigh replace "$there" lladdr "$nowhere" dev here nud permanent
    at_away ip neigh replace "$here" lladdr "$nowhere" dev there nud permanent
    : >"$scratch/cut"
    cut=$(date +%s)
}
mend_cable() {
    ip neigh del "$there" dev here
    at_away ip neigh del "$here" dev there
}
