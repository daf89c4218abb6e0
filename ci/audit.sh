#!/usr/bin/env bash
# The dependencies: known holes (RustSec's database, fetched from GitHub), licences, sources, versions side by side. See deny.toml.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

cargo deny --version >/dev/null 2>&1 || die "cargo deny is missing: cargo install cargo-deny --locked"
cargo deny --workspace check licenses bans sources
if cargo deny fetch db; then
    cargo deny --workspace check advisories
else
    die "the database of advisories could not be fetched: known holes were not looked for"
fi
