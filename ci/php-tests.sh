#!/usr/bin/env bash
# The PHP tests on the PHP of Docker's official image, or of any other Debian: what users get is built, and tested.
set -euo pipefail
export PROFILE=release
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

# The image's PHP has no pcntl, without which half of the tests would be skipped.
if have docker-php-ext-install && ! "$PHP" -m | grep -qx pcntl; then
    docker-php-ext-install pcntl
fi
as_root apt-get install -qy --no-install-recommends openssl valgrind
scripts/build.sh
# shellcheck disable=SC2016
"$PHP" -n -r 'echo "PHP ", PHP_VERSION, PHP_ZTS ? " ZTS" : " NTS", " ", php_uname("m"), "\n";'
php-tests/run.sh
