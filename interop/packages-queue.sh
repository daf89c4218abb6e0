#!/usr/bin/env bash
# packages/testing and packages/queue: their PHPUnit tests, with our module and with pecl's.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/packages-lib.sh
. "$(dirname "$0")/packages-lib.sh"

for module in ours pecl; do
    unit_tests testing "$module"
    unit_tests queue "$module"
done
finish
