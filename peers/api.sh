#!/usr/bin/env bash
# Schemathesis, which asks an HTTP API what its description says and what it does not. Prints the program's path; nothing where
# there is no python3 with pip. It is not installed, but kept under target/, with all that it needs, as the file in peers/table says.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
# shellcheck source=peers/table.sh
. peers/table.sh

wanted=peers/$(pinned api schemathesis)
folder=$root/target/peers/api
program=$folder/schemathesis

has_pip || exit 0
alone
if ! cmp -s "$wanted" "$folder/wanted" || [ "$(sed -n 's/^export PYTHONPATH=//p' "$program")" != "$folder/python" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    python3 -m pip install --quiet --no-compile --disable-pip-version-check --root-user-action=ignore --no-deps \
        --target "$folder/python" --requirement "$wanted" >&2 || die "pip could not fetch schemathesis"
    cat >"$program" <<SH
#!/bin/sh
export PYTHONPATH=$folder/python
exec python3 -m schemathesis.cli "\$@"
SH
    chmod +x "$program"
    cp "$wanted" "$folder/wanted"
fi
echo "$program"
