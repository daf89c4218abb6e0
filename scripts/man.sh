#!/usr/bin/env bash
# Writes the manual pages into target/man.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# As one of the workspace, with whose features everything is built already.
cargo build --quiet --release --workspace --exclude gearman_rs --bin man
target/release/man target/man
