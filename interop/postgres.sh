# shellcheck shell=bash
# A PostgreSQL for interop scripts: to be sourced after lib.sh. start_postgres sets data, the folder of its socket; false: there
# is none here, and that was said.

# Who is root runs no database.
as_user=()
if [ "$(id -u)" = 0 ]; then as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups); fi

data=$(mktemp -d)
if [ "$(id -u)" = 0 ]; then chown nobody "$data"; fi
end_databases() {
    clean_up
    rm -rf "$data"
}
trap end_databases EXIT

start_postgres() {
    local databases
    if ! databases=$(scripts/databases.sh); then
        [ -z "${CI:-}" ] || die "the databases are missing: scripts/databases.sh"
        skip 'there are no databases: scripts/databases.sh'
        return 1
    fi
    eval "$databases"
    "${as_user[@]}" "$TEST_POSTGRES/initdb" -D "$data/pg" -U postgres -A trust -N >>"$log" 2>&1
    background "${as_user[@]}" "$TEST_POSTGRES/postgres" -D "$data/pg" -F -c listen_addresses= -k "$data"
    await grep -qs ready "$data/pg/postmaster.pid"
}
