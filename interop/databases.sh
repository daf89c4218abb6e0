# shellcheck shell=bash
# Databases for interop scripts: their programs (peers/databases.sh), and a folder for each run, which is gone at the end. To be
# sourced after lib.sh. What returns false has said that there are none here.

data=$(mktemp -d)
# Who is root runs no database.
as_user=()
if [ "$(id -u)" = 0 ]; then
    chown nobody "$data"
    as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
end_databases() {
    clean_up
    rm -rf "$data"
}
trap end_databases EXIT

find_databases() {
    local databases
    if ! databases=$(peers/databases.sh); then
        [ -z "${CI:-}" ] || die "the databases are missing: peers/databases.sh"
        skip 'there are no databases: peers/databases.sh'
        return 1
    fi
    eval "$databases"
}

# start_postgres [ARGUMENT...]: on a socket in $data.
start_postgres() {
    find_databases || return 1
    "${as_user[@]}" "$TEST_POSTGRES/initdb" -D "$data/pg" -U postgres -A trust -N >>"$log" 2>&1
    background "${as_user[@]}" "$TEST_POSTGRES/postgres" -D "$data/pg" -c listen_addresses= -k "$data" "$@"
    await grep -qs ready "$data/pg/postmaster.pid" || fail 'PostgreSQL starts'
}
