#!/usr/bin/env bash
# verify.sh TAG IMAGE: downloads a release, and checks that it is complete, that each file is what SHA256SUMS says, and that files and image were
# built by this repository's workflow. Needs GitHub's gh.
set -euo pipefail
cd "$(dirname "$0")/../.."

tag=$1 image=$2
repository=gearman-rs/gearman_rs
workflow=$repository/.github/workflows/release.yml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

gh release download "$tag" --repo "$repository" --dir "$folder"
ci/release/check.sh "$tag" "$folder"
for file in "$folder"/*; do
    gh attestation verify "$file" --repo "$repository" --signer-workflow "$workflow"
done
gh attestation verify "oci://$image" --repo "$repository" --signer-workflow "$workflow"
