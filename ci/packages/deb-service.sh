#!/usr/bin/env bash
# deb-service.sh: as root where systemd runs: the service through an upgrade and a removal, each while a job runs; with what it needs
# coming late; and with sockets of systemd, removed and installed again.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=ci/packages/checks.sh
. ci/packages/checks.sh

scratch=$(mktemp -d)
conf=/etc/gearmand/gearmand.conf
install() { apt-get install -qy "$@"; }
main_pid() { systemctl show --property MainPID --value gearmand; }
running() { [ "$(gearadmin --status | awk -F '\t' '$1 == "wait" { print $3 }')" = 1 ]; }
workers_there() { [[ "$(ask 4730 status)" == *$'\t1' ]]; }
is_active() { systemctl is-active --quiet gearmand; }
started_again() { [ "$(systemctl show --property NRestarts --value gearmand)" -ge "$1" ]; }

# A job that runs until there is the file "go".
begin_job() {
    gearman -w -f wait -- sh -c "until [ -e $scratch/go ]; do sleep 0.1; done; echo done" &
    worker=$!
    wait_for 20 workers_there || fail 'a worker comes'
    gearman -f wait x >"$scratch/result" &
    client=$!
    wait_for 20 running || fail 'its job runs'
}

install ./target/deb-older/gearman*.deb
check 'installed, it runs' active "$(systemctl is-active gearmand)"
check_that 'and answers' speaks_gearman 4730
check_that 'and on its socket' gearadmin --host unix:///run/gearmand/gearmand.sock --status
check 'it is not root' gearmand "$(stat --format %U "/proc/$(main_pid)")"
check 'nothing has failed' '' "$(systemctl --failed --quiet --plain)"
systemctl reload gearmand
check 'reloaded, it runs' active "$(systemctl is-active gearmand)"

# systemd gives up after five starts in ten seconds.
later=/etc/gearmand/later.toml
echo "--acl $later" >>"$conf"
systemctl restart gearmand || true
check_that 'what it needs is not there: it is started again and again' wait_for 60 started_again 6
printf '[[rule]]\nsubmit = "*"\nwork = "*"\nobserve = true\nadmin = true\n' >"$later"
check_that 'and is there when that comes' wait_for 20 is_active
# A time that an end by apt does not wait for.
sed -i 's|^--acl .*|--drain-timeout 3600|' "$conf"
rm "$later"
systemctl restart gearmand

older=$(main_pid)
begin_job
check_that 'an upgrade does not wait for ever' timeout 400 apt-get install -qy ./target/deb/gearmand*.deb
check 'the older server lets the running job end' "deactivating $older" \
    "$(systemctl show --property ActiveState --value gearmand) $(main_pid)"
touch "$scratch/go"
wait "$client" || fail 'the client of the running job ends'
check 'which has its result' 'done' "$(cat "$scratch/result")"
check_that 'a server runs' wait_for 60 is_active
check_that 'it is another process' test "$older" != "$(main_pid)"
stop "$worker"

rm "$scratch/go"
begin_job
check_that 'a removal does not wait for ever' timeout 400 apt-get purge -qy gearmand-rs
check 'then nobody listens' no "$(listens 4730 && echo yes || echo no)"
check 'nor is there a process' '' "$(grep -lx gearmand /proc/[0-9]*/comm 2>/dev/null || true)"
touch "$scratch/go"
stop "$worker" "$client"
rm -r "$scratch"

# The socket stays on while the package is away.
install ./target/deb/gearmand*.deb
systemctl stop gearmand
systemctl enable --now gearmand.socket
apt-get remove -qy gearmand-rs
check 'removed, its socket is not there' no "$([ -S /run/gearmand.sock ] && echo yes || echo no)"
install ./target/deb/gearmand*.deb
check 'installed again, it has its socket' 'active active' "$(systemctl is-active gearmand.socket gearmand.service | xargs)"
check_that 'and answers there' gearadmin --host unix:///run/gearmand.sock --status
