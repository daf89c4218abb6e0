#!/usr/bin/env bash
# phpize.sh install|remove: the module by phpize, configure and make. Rust, make, libclang and PHP's headers must be there.
#
#   CARGO_TARGET_DIR   where cargo builds, and what it keeps (a folder that goes with phpize --clean)
set -euo pipefail
# shellcheck source=ci/packages/lib.sh
. "$(dirname "$0")/lib.sh"

install() (
    cd pie
    phpize
    ./configure
    make
    make test NO_INTERACTION=1
    make install
    phpize --clean
)

there_or_away "$@"
