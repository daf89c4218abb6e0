#!/usr/bin/env bash
# packages/laravel: its PHPUnit tests, in which Laravel's own commands work, with our module and with pecl's.
#
#   LARAVEL_JOBS=10000   how many jobs the test has in which workers are killed and stopped (300)
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/packages-lib.sh
. "$(dirname "$0")/packages-lib.sh"

for module in ours pecl; do
    unit_tests laravel "$module"
done
finish
