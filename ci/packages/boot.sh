#!/usr/bin/env bash
# boot.sh BASE LAYER TARGET COMMAND...: starts systemd in the layer that `root.sh begin` made over BASE's root folder, waits until it is up,
# and runs the command there, in a read-only copy of this folder with TARGET as its target/. All of it has no network, and ends with
# the command. Exit code 69: this machine has no cgroups of version 2.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"

base=$1/root layer=$2 target=$3
shift 3
folder=/run/gearman_rs # what is below /tmp, a boot removes
group='' init=''

end_all() {
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$init" ]; then kill -KILL "$init" 2>/dev/null || true; fi
    wait || true
    if [ -n "$group" ]; then find "$group" -depth -type d -exec rmdir {} \;; fi
}
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

groups=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) || { say "not had: cgroups of version 2"; exit 69; }
group=$groups/gearman_rs.$$
mkdir "$group"

# shellcheck disable=SC2016
start() {
    echo "$BASHPID" >"$group/cgroup.procs"
    exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh -euc '
        base=$1 debian=$2/merged project=$3 target=$4 folder=$5
        mount -t overlay gearman_rs -o "lowerdir=$base,upperdir=$2/upper,workdir=$2/work" "$debian"
        rm -f "$debian/usr/sbin/policy-rc.d"
        # It may not load modules into the kernel.
        ln -sf /dev/null "$debian/etc/systemd/system/systemd-modules-load.service"
        mount -t proc proc "$debian/proc"
        mount -t sysfs sysfs "$debian/sys"
        mount -t cgroup2 cgroup2 "$debian/sys/fs/cgroup"
        mount -t tmpfs tmpfs "$debian/run"
        mkdir "$debian$folder"
        mount --bind "$project" "$debian$folder"
        mount --bind "$target" "$debian$folder/target"
        mount -o remount,bind,ro "$debian$folder"

        # Devices of its own, as systemd sets some up.
        mount -t tmpfs tmpfs "$debian/dev"
        for device in null zero full random urandom tty; do
            touch "$debian/dev/$device"
            mount --bind "/dev/$device" "$debian/dev/$device"
        done
        mkdir "$debian/dev/pts" "$debian/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=666 devpts "$debian/dev/pts"
        ln -s pts/ptmx "$debian/dev/ptmx"
        ln -s /proc/self/fd "$debian/dev/fd"

        # Not chroot: systemd makes other roots for its services, which a process in a chroot may not.
        cd "$debian"
        pivot_root . mnt
        umount -l mnt
        exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
    ' sh "$base" "$layer" "$root" "$target" "$folder" </dev/null >/dev/null
}
is_up() {
    init=$(cat "/proc/$!/task/$!/children")
    init=${init% }
    [ -n "$init" ] && [ "$(inside systemctl is-system-running 2>/dev/null)" = running ]
}
inside() {
    nsenter --target "$init" --mount --pid --net --uts --ipc --cgroup --root --wd env -i HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

start &
wait_for 400 is_up || die "systemd does not come up in the root folder"
# shellcheck disable=SC2016
inside sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
