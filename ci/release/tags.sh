#!/usr/bin/env bash
# tags.sh VERSION: the tags that the image of a release gets: 2.3.0, 2.3, 2 and latest; a pre-release only its own.
set -euo pipefail

version=$1
echo "$version"
case $version in
    *-*) ;;
    *) printf '%s\n' "${version%.*}" "${version%%.*}" latest ;;
esac
