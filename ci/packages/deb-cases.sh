#!/usr/bin/env bash
# deb-cases.sh CASE: as root in a root folder.
#
#   upgrade   from the packages in target/deb-older to those in target/deb, then removed, installed again, purged
#   replace   Debian's packages are installed, then ours
#   back      then Debian's again
#   theirs    which work; port 4730 has to be free
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=ci/packages/checks.sh
. ci/packages/checks.sh

php=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
ours=(gearmand-rs gearman-rs-tools "php$php-gearman-rs")
theirs=(gearman-job-server gearman-tools "php$php-gearman")
conf=/etc/gearmand/gearmand.conf
install() { apt-get install -qy "$@"; }
# state PACKAGE...: of each as dpkg -l has it: ii is installed, rc only its configuration.
state() { dpkg-query --show --showformat='${db:Status-Abbrev}' "$@" 2>/dev/null | xargs; }
loads_gearman() { php -r 'exit((int) !extension_loaded("gearman"));'; }

upgrade() {
    install ./target/deb-older/*.deb
    check 'the older version is there' "0.9.0-1" "$(dpkg-query --show --showformat='${Version}' gearmand-rs)"
    echo '--verbose INFO # as I like it' >>"$conf"
    phpdismod -v "$php" gearman_rs
    echo 'gearman.prefetch=7' >>"/etc/php/$php/mods-available/gearman_rs.ini"
    phpenmod -v "$php" gearman_rs
    mkdir -p /var/lib/gearmand /var/log/gearmand
    touch /var/lib/gearmand/queue.db
    install ./target/deb/*.deb
    check 'upgraded' "$(project_version)-1" "$(dpkg-query --show --showformat='${Version}' gearmand-rs)"
    check 'what was changed in the configuration is kept' '--verbose INFO # as I like it' "$(tail -n 1 "$conf")"
    check 'so are the settings of PHP' 7 "$(php -r 'echo ini_get("gearman.prefetch");')"

    apt-get remove -qy "${ours[@]}"
    check 'removed, but for their configuration' 'rc rc rc' "$(state "${ours[@]}" | sed 's/un //')"
    check 'the queue is kept' /var/lib/gearmand/queue.db "$(ls /var/lib/gearmand/*)"
    check 'PHP is without it' no "$(loads_gearman && echo yes || echo no)"
    install ./target/deb/*.deb
    check 'installed again, the configuration is there' '--verbose INFO # as I like it' "$(tail -n 1 "$conf")"
    check_that 'and the module' loads_gearman

    # Somebody's own, as where there is no systemd.
    setpriv --reuid gearmand --clear-groups sleep 1000 &
    mount -t tmpfs queue /var/lib/gearmand
    check_that 'purged while a process has its user and a disk is its folder' apt-get purge -qy "${ours[@]}"
    umount /var/lib/gearmand
    rm -r /var/lib/gearmand
    stop $!
    install ./target/deb/*.deb
    apt-get purge -qy "${ours[@]}"
    check 'purged, nothing is left' '' "$(find / -xdev ! -path '/var/cache/*' ! -path '/tmp/*' \( -name '*gearmand*' -o -name '*gearman_rs*' -o -name '*gearman-rs*' -o -name '*gearman-runner*' \))"
    check 'no user either' '' "$(grep -r gearmand /etc/passwd /etc/group /etc/shadow || true)"
}

replace() {
    install "${theirs[@]}" php-gearman gearman
    check_that "pecl's module is there" test "$(module_version)" != "$(project_version)"
    install ./target/deb/*.deb
    check 'ours are installed' 'ii ii ii' "$(state "${ours[@]}")"
    check "Debian's are not" '' "$(state "${theirs[@]}" | grep -o ii || true)"
    check 'packages that want them are content' 'ii ii' "$(state php-gearman gearman)"
    check_that 'nothing is broken' apt-get check
}

back() {
    install "${theirs[@]}"
    check "Debian's are installed" 'ii ii ii' "$(state "${theirs[@]}")"
    check 'ours are not' '' "$(state "${ours[@]}" | grep -o ii || true)"
    check_that "pecl's module is there again" test "$(module_version)" != "$(project_version)"
    check_that 'and loads' loads_gearman
}

# As its unit starts it; what is left of ours, the configuration, does not concern it.
theirs() {
    local PARAMS=''
    # shellcheck disable=SC1091
    . /etc/default/gearman-job-server
    mkdir -p /run/gearman
    chown gearman /run/gearman
    # shellcheck disable=SC2086
    setpriv --reuid gearman --clear-groups --regid gearman gearmand --pid-file=/run/gearman/gearmand.pid $PARAMS
    check_that "Debian's server answers" wait_for 20 speaks_gearman 4730
    check 'it is the one in C' 'OK 1.1' "$(ask 4730 version | cut -c 1-6)"
    check_that "so do Debian's tools" gearadmin --status
}

case ${1:-} in
    upgrade | replace | back | theirs) "$1" ;;
    *) die "usage: deb-cases.sh upgrade|replace|back|theirs" ;;
esac
