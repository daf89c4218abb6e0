# shellcheck shell=bash
# For scripts that need databases: where their programs are (scripts/databases.sh), and a folder of their own for each run, which
# is gone at the end. To be sourced after interop/lib.sh.

if ! databases=$(scripts/databases.sh); then
    [ -z "${CI:-}" ] || die "the databases are missing: scripts/databases.sh"
    skip 'there are no databases: scripts/databases.sh'
    finish
fi
eval "$databases"

data=$(mktemp -d)
# PostgreSQL does not run as root.
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

# run_postgres [ARGUMENT...]: on a socket in $data.
run_postgres() {
    "${as_user[@]}" "$TEST_POSTGRES/initdb" -D "$data/pg" -U postgres -A trust -N >>"$log" 2>&1
    background "${as_user[@]}" "$TEST_POSTGRES/postgres" -D "$data/pg" -c listen_addresses= -k "$data" "$@"
    await grep -qs ready "$data/pg/postmaster.pid" || fail 'PostgreSQL starts'
}
