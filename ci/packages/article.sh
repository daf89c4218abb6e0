#!/usr/bin/env bash
# article.sh: in a root folder with the module installed, and port 4730 free: what PHP says of the module, and the programs and commands
# of the article. The job server is the one that is installed, started as its unit does it; else that of this checkout.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=ci/packages/checks.sh
. ci/packages/checks.sh

unit=$(find /lib/systemd/system /usr/lib/systemd/system -name gearmand.service | head -n 1)
of_unit() { sed -n "s/^$1=//p" "$unit"; }

# What systemd would do before: its folders, and its user.
as_the_unit() {
    local user command
    user=$(of_unit User)
    read -ra command < <(of_unit ExecStart)
    install -d -o "$user" -g "$(of_unit Group)" "/var/log/$(of_unit LogsDirectory)" "/run/$(of_unit RuntimeDirectory)" \
        "/var/lib/$(of_unit StateDirectory)"
    exec setpriv --reuid "$user" --regid "$(of_unit Group)" --init-groups --no-new-privs "${command[@]}"
}
server() {
    if [ -n "$unit" ]; then as_the_unit; fi
    exec target/release/gearmand --listen 127.0.0.1 --user root --log-file stderr --pid-file=
}
two_workers() { [ "$(ask 4730 status)" = $'reverse\t0\t0\t2' ]; }
wc_worker() { gearadmin --status | grep -q $'^wc\t0\t0\t1$'; }

# shellcheck disable=SC2016
echo "PHP $(php -r 'echo PHP_VERSION, PHP_ZTS ? " ZTS" : " NTS";')"
php --ri gearman
check 'php --ri gearman: the version' "$(project_version)" "$(module_version)"
check 'php says nothing else' '' "$(php -r '' 2>&1)"

server &
server=$!
check_that 'the job server answers' wait_for 20 speaks_gearman 4730
php examples/article/worker.php &
workers=($!)
php examples/article/worker.php &
workers+=($!)
check_that 'two workers come' wait_for 20 two_workers
check 'client.php' '!dlrow olleH' "$(php examples/article/client.php)"
if have gearman; then
    gearman -w -f wc -- wc -l &
    workers+=($!)
    check_that 'the wc worker comes' wait_for 20 wc_worker
    check 'gearman -f wc < /etc/passwd' "$(wc -l </etc/passwd)" "$(gearman -f wc </etc/passwd)"
fi
stop "${workers[@]}"
# As systemctl stop.
kill -USR1 "$server"
status=0
wait "$server" || status=$?
check 'the job server ends well' 0 "$status"
