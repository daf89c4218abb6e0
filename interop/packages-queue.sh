#!/usr/bin/env bash
# packages/testing and packages/queue: their PHPUnit tests, with our module and with pecl's; the test that a page shows.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/packages-lib.sh
. "$(dirname "$0")/packages-lib.sh"
# shellcheck source=interop/packages/install.sh
. interop/packages/install.sh

# The page as its reader pastes it: composer installs the package, and the test passes.
page=packages/testing/README.md
php_script ours
install_as "$page"
"$TEST_PHP" interop/packages/shown.php program "$page" WithGearmanServer >"$scratch/MailTest.php"
its_test() {
    "$TEST_PHP" "$PACKAGES_PHPUNIT" --no-configuration --do-not-cache-result --bootstrap "$vendor/autoload.php" "$scratch/MailTest.php" >>"$log" 2>&1
}
check_that "$page: its test passes" its_test
for module in ours pecl; do
    unit_tests testing "$module"
    unit_tests queue "$module"
done
finish
