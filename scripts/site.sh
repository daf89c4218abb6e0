#!/usr/bin/env bash
# make site: the pages of docs/ as a site, into target/site, by mdbook, which is fetched and built into target/tools where there is none
# (some minutes). Fails where a link leads nowhere, or mdbook or rustdoc warns.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/need.sh build
version=0.5.4
export PATH=$root/target/tools/bin:$PATH
if [[ "$(mdbook --version 2>/dev/null)" != "mdbook v$version" ]]; then
    say "building mdbook $version"
    CARGO_TARGET_DIR=$root/target/tools/build cargo install mdbook --version "$version" --locked --no-default-features --features search \
        --root target/tools --quiet
    rm -rf target/tools/build
fi

# What is beside docs/ is not part of the site: those links lead to the repository.
book=$root/target/book site=$root/target/site
repository=$(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)
rm -rf "$book" "$site"
mkdir -p "$book"
cp -r book.toml docs "$book"
sed -i "s,\](\.\./,](${repository}/blob/main/,g" "$book"/docs/*.md
said=$(mdbook build "$book" --dest-dir "$site" 2>&1) || die "$said"
if grep -qE 'WARN|ERROR' <<<"$said"; then die "$said"; fi
"$PHP" -n scripts/site-links.php "$site"

# The code's own pages. (make lint looks at those of what is private.)
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
say "target/site/index.html, target/doc"
