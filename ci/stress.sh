#!/usr/bin/env bash
# The long forms of what make test does for some seconds: FORKS (10,000) with and without persistent connections, EXCHANGES (20,000)
# of PHP's client and worker each with a server that lies, and CORE_EXCHANGES (1,000,000) of the core's. And a host that vanishes,
# which is noticed after two minutes.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

scripts/need.sh build stress
scripts/build.sh
GEARMAN_FUZZ_EXCHANGES=${CORE_EXCHANGES:-1000000} cargo test -q -p gearman-core --test tests mutated
# Tests are given some minutes, their children less.
export TEST_TIMEOUT=7200 GEARMAN_TEST_ALARM=7200
GEARMAN_TEST_FORKS=${FORKS:-10000} GEARMAN_TEST_EXCHANGES=${EXCHANGES:-20000} php-tests/run.sh \
    php-tests/process/fork_stress*.phpt php-tests/tls/fork_stress*.phpt php-tests/connection/mutated_*.phpt
ci/deadhost.sh
