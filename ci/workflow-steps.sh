#!/usr/bin/env bash
# workflow-steps.sh list               every run: step of the workflows, one line each: what came of it when it was last run here
# workflow-steps.sh run [PATTERN...]   runs those whose line holds one of the words; all that can be, without a word
#
# They run as GitHub runs them, with their environment and their matrix, on a checkout of what is committed in target/steps; images are root
# folders of the same Debian. What needs GitHub, or an image that no Debian can replace, says why. Root; python3 with pip.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

export STEPS=$root/target/steps
checkout=$STEPS/checkout
mkdir -p "$STEPS"
if ! [ -d "$STEPS/python" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$STEPS/python" \
        --requirement ci/steps/requirements.txt
fi
[ -d "$checkout/.git" ] || git clone -q --no-checkout "file://$root" "$checkout"
git -C "$checkout" fetch -q "file://$root" HEAD
git -C "$checkout" checkout -qf --detach FETCH_HEAD
# What this machine needs to reach PyPI and crates.io, where root folders see it.
mkdir -p "$checkout/target"
cp -L /etc/ssl/certs/ca-certificates.crt "$checkout/target/machine.pem"
export PIP_CERT=$checkout/target/machine.pem
export REQUESTS_CA_BUNDLE=$PIP_CERT CURL_CA_BUNDLE=$PIP_CERT SSL_CERT_FILE=$PIP_CERT CARGO_HTTP_CAINFO=$PIP_CERT
# As if it were to be released.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
sed -i "s/^## Unreleased/## $version/" "$checkout/CHANGELOG.md"
cargo fetch --quiet --locked # the root folders' cargo is offline
PYTHONPATH=$STEPS/python exec python3 ci/steps/steps.py "$checkout" "$STEPS/record.json" "$@"
