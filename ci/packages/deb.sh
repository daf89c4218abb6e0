#!/usr/bin/env bash
# deb.sh install|remove: the packages in target/deb, as root in a root folder.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=ci/packages/checks.sh
. ci/packages/checks.sh

packages() { for deb in target/deb/*.deb; do dpkg-deb --field "$deb" Package; done; }
conf=/etc/gearmand/gearmand.conf

installed() {
    check 'the server, by its name' "gearmand $(project_version)" "$(gearmand --version | head -n 1)"
    check_that 'the units are good' systemd-analyze verify --man=no gearmand.service gearmand.socket gearman-runner.service
    check 'it is enabled, its sockets and the runner are not' 'enabled disabled disabled' \
        "$(systemctl is-enabled gearmand.service gearmand.socket gearman-runner.service | xargs)"
    check_that 'its configuration is good' gearmand --config-file "$conf" --check-args
    check_that 'so is that of logrotate' logrotate --debug /etc/logrotate.d/gearmand
    check 'nothing speaks of /usr/local' '' "$(grep -rl /usr/local "$conf" /usr/lib/systemd/system/gearman* /lib/systemd/system/gearman* || true)"
    check 'configuration files' "$conf
/etc/logrotate.d/gearmand" "$(dpkg-query --show --showformat='${Conffiles}\n' gearmand-rs | awk '{ print $1 }' | sort | xargs -n 1)"
    # Which programs it is to run, nobody knows yet.
    check "the runner's file lacks groups alone" 'gearman-runner: /etc/gearman-runner.toml:1:1: there is no group: write [group.NAME] and command = [...]' \
        "$(gearman-runner --check-config 2>&1)"
}

case ${1:-} in
    install)
        apt-get install -qy ./target/deb/*.deb
        installed
        ;;
    remove)
        # shellcheck disable=SC2046
        apt-get purge -qy --autoremove $(packages)
        ;;
    *) die "usage: deb.sh install|remove" ;;
esac
