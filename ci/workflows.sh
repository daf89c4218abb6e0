#!/usr/bin/env bash
# The workflows as actionlint, shellcheck and zizmor want them, and the Dockerfiles as hadolint does. These are fetched into
# target/workflows when ci/workflows.txt changes, by pip.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

wanted=ci/workflows.txt
tools=$root/target/workflows
if ! cmp -s "$wanted" "$tools/wanted"; then
    python3 -m pip --version >/dev/null 2>&1 || die "python3 with pip is missing: apt-get install python3-pip"
    rm -rf "$tools"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
        --target "$tools" --requirement "$wanted"
    cp "$wanted" "$tools/wanted"
fi
export PATH="$tools/bin:$PATH" PYTHONPATH=$tools

ci/workflow-rows.sh check
actionlint .github/workflows/*.yml
# What can be known without asking GitHub.
zizmor --offline --quiet --persona=pedantic .github/workflows
hadolint Dockerfile examples/compose/php.Dockerfile
ci/release/tests.sh
echo "workflows and Dockerfiles: nothing to be said"
