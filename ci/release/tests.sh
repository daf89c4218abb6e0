#!/usr/bin/env bash
# What the release workflow decides by: which tags may be released, what belongs to a release, what an image is called.
set -euo pipefail
cd "$(dirname "$0")/../.."

passed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# A checkout of a release.
mkdir -p "$scratch/ci"
cp -r ci/release "$scratch/ci"
cp Cargo.toml "$scratch"
printf '# Changelog\n\n## Unreleased\n\n## %s (2026-12-01)\n\n### Added\n\n- Something.\n\n## 1.0.0\n\n- More.\n' "$version" >"$scratch/CHANGELOG.md"
release=$scratch/ci/release

fail() { echo "FAIL $*" >&2 && exit 1; }
accepts() { "$release/check.sh" "$@" >"$scratch/said" 2>&1 || fail "check.sh $* says $(cat "$scratch/said")"; passed=$((passed + 1)); }
refuses() {
    local text=$1
    shift
    ! "$release/check.sh" "$@" >"$scratch/said" 2>&1 || fail "check.sh accepts $*"
    grep -q -- "$text" "$scratch/said" || fail "check.sh $* says $(cat "$scratch/said")"
    passed=$((passed + 1))
}
is() { [ "$1" = "$2" ] || fail "$1 is not $2"; passed=$((passed + 1)); }

accepts "$version"
refuses "the version of Cargo.toml" 0.0.1
sed -i '/^## [0-9.]* (/s/[0-9.]* (/0.0.2 (/' "$scratch/CHANGELOG.md"
refuses "has no section" "$version"
sed -i "s/^## 0.0.2/## $version/" "$scratch/CHANGELOG.md"

assets=$scratch/assets
mkdir "$assets"
# What is missing is named, and so is learned.
for name in $("$release/check.sh" "$version" "$assets" 2>/dev/null | sed -n 's/^-\([a-zS][^-].*\)/\1/p'); do echo "$name" >"$assets/$name"; done
is "$(find "$assets" -type f | wc -l)" $((32 + 2 + 8 + 1))
(cd "$assets" && rm SHA256SUMS && sha256sum -- * >../sums && mv ../sums SHA256SUMS)
accepts "$version" "$assets"
touch "$assets/more"
refuses '^+more' "$version" "$assets"
rm "$assets/more"
mv "$assets/php_gearman-${version}_php8.3-arm64-linux-musl-zts.zip" "$scratch"
refuses '^-php_gearman-.*_php8.3-arm64-linux-musl-zts.zip' "$version" "$assets"
mv "$scratch"/php_gearman-* "$assets"
echo changed >"$assets/php_gearman-${version}_php8.3-arm64-linux-musl-zts.zip"
refuses "zts.zip: FAILED" "$version" "$assets"

is "$("$release/notes.sh" "$version")" "$(printf '### Added\n\n- Something.')"
is "$("$release/tags.sh" 2.3.0 | tr '\n' ' ')" "2.3.0 2.3 2 latest "
is "$("$release/tags.sh" 3.0.0-rc.1 | tr '\n' ' ')" "3.0.0-rc.1 "
echo "$passed passed, 0 failed"
