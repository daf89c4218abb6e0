#!/usr/bin/env bash
# The databases that durable queues are tested with. Prints where they are, for eval:
#
#   TEST_POSTGRES   the folder of initdb, postgres and psql
#   TEST_MARIADB    the folder of the wrappers of mariadbd and mariadb-install-db
#   TEST_REDIS      redis-server
#   TEST_REDIS_CLI  redis-cli
#
# Packages that are installed are used where they are, the others unpacked: see unpack.sh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

group=databases
# shellcheck source=peers/unpack.sh
. peers/unpack.sh

ready() {
    { [ -f "$vars" ] && as_listed; } || return 1
    # shellcheck disable=SC1090
    . "$vars"
    [ "$TEST_MARIADB" = "$peers/bin" ] && "$TEST_POSTGRES/postgres" --version >/dev/null 2>&1 &&
        "$TEST_POSTGRES/psql" --version >/dev/null 2>&1 &&
        "$TEST_MARIADB/mariadbd" --version >/dev/null 2>&1 && "$TEST_REDIS" --version >/dev/null 2>&1
}

make_wrappers() {
    local base postgres
    find_libs
    base=$(dirname "$(dirname "$(locate /usr/sbin/mariadbd)")")
    wrapper mariadbd "$(locate /usr/sbin/mariadbd)" --no-defaults --basedir="$base"
    wrapper mariadb-install-db "$(locate /usr/bin/mariadb-install-db)" --no-defaults --basedir="$base" \
        --auth-root-authentication-method=normal --skip-test-db
    wrapper redis-server "$(locate /usr/bin/redis-server)"
    wrapper redis-cli "$(locate /usr/bin/redis-cli)"
    # PostgreSQL finds its files beside its own folder.
    postgres=$(listed "$group" debian | sed -n 's/^postgresql-//p')
    for program in postgres initdb psql; do
        wrapper "$program" "$(locate "/usr/lib/postgresql/$postgres/bin/$program")"
    done
    printf '%s=%q\n' TEST_POSTGRES "$peers/bin" TEST_MARIADB "$peers/bin" TEST_REDIS "$peers/bin/redis-server" \
        TEST_REDIS_CLI "$peers/bin/redis-cli" >"$vars"
}

# Who is root has them started by an ordinary user, as they want it, and that one must get here.
if [ "$(id -u)" = 0 ] && ! setpriv --reuid=nobody --regid=nogroup --clear-groups test -r "$root/Cargo.toml"; then
    rm -f "$vars"
    die "root's databases are started by the user nobody, who cannot read $root: move it to where everybody may," \
        "such as /srv, or be another user"
fi
if ! ready; then
    begin
    make_wrappers
    # They are started by an ordinary user, who must get there.
    chmod -R a+rX "$peers"
    ready || die "a database does not start: try each in ${peers#"$root"/}/bin with --version"
fi
cat "$vars"
