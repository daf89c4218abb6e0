#!/usr/bin/env bash
# image.sh NAME VERSION REVISION: builds the image for both architectures and pushes it under this name. Prints digest=sha256:...
set -euo pipefail
cd "$(dirname "$0")/../.."

metadata=$(mktemp)
trap 'rm -f "$metadata"' EXIT
# Docker's own builder makes no image of two architectures.
docker buildx inspect gearmand >/dev/null 2>&1 || docker buildx create --name gearmand --driver docker-container >&2
docker buildx build --builder gearmand --platform linux/amd64,linux/arm64 --push --tag "$1" \
    --build-arg VERSION="$2" --build-arg REVISION="$3" --provenance=false --metadata-file "$metadata" . >&2
digest=$(sed -nE 's/.*"containerimage.digest": *"(sha256:[0-9a-f]{64})".*/\1/p' "$metadata")
[ -n "$digest" ] || { echo "docker buildx told no digest" >&2 && exit 1; }
echo "digest=$digest"
