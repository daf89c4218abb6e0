#!/usr/bin/env bash
# examples/cluster: three servers on one PostgreSQL, one of which is killed.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/databases.sh
. "$(dirname "$0")/databases.sh"
find_databases || finish

example() {
    said=$(GEARMAND=$GEARMAND POSTGRES_BIN=$TEST_POSTGRES JOBS=300 PHP="$PHP -n -d extension=$MODULE" \
        examples/cluster/run.sh 2>>"$log")
    local status=$?
    printf '%s\n' "$said" >>"$log"
    return "$status"
}
check_that 'the example comes to its end' example
check 'no job is lost' 1 "$(grep -c '^all 300 are done' <<<"$said")"
finish
