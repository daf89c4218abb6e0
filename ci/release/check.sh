#!/usr/bin/env bash
# check.sh TAG FOLDER: a release with this tag may be published: the tag is the version of Cargo.toml, CHANGELOG.md tells of it, and FOLDER has all that
# belongs to it and nothing else, as SHA256SUMS says. Without FOLDER only the former.
set -euo pipefail
cd "$(dirname "$0")/../.."

tag=$1 folder=${2:-}
die() { echo "$*" >&2 && exit 1; }

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
[ "$tag" = "$version" ] || die "the tag is $tag, the version of Cargo.toml $version"
grep -qE "^## $version( |\$)" CHANGELOG.md || die "CHANGELOG.md has no section $version"
[ -n "$folder" ] || exit 0

expected() {
    local php arch libc threads
    for php in 8.2 8.3 8.4 8.5; do
        for arch in x86_64 arm64; do
            for libc in glibc musl; do
                for threads in nts zts; do echo "php_gearman-${tag}_php$php-$arch-linux-$libc-$threads.zip"; done
            done
        done
    done
    for arch in x86_64 aarch64; do echo "gearmand-$version-$arch-linux-musl.tar.gz"; done
    # The ~ that a pre-release has there is a point in GitHub's names of files.
    for arch in amd64 arm64; do
        for package in gearmand-rs gearman-rs-tools php8.2-gearman-rs php8.4-gearman-rs; do
            echo "${package}_${version/-/.}-1_$arch.deb"
        done
    done
    echo SHA256SUMS
}
diff -u <(expected | sort) <(cd "$folder" && printf '%s\n' * | sort) || die "$folder has not what belongs to a release"
cd "$folder"
sha256sum --check --strict --quiet SHA256SUMS
[ "$(wc -l <SHA256SUMS)" = "$(($(expected | wc -l) - 1))" ] || die "SHA256SUMS has not all files"
