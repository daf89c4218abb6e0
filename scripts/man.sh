#!/usr/bin/env bash
# Writes the manual pages into target/man.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

cargo run --quiet --release -p man -- target/man
