#!/usr/bin/env bash
# debs.sh FOLDER: the Debian packages of the Debian that it runs in, as root, into FOLDER. Server and tools are those of the
# older Debian: they run on newer ones as well.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ci/release/lib.sh

output=$1
apt-get -q update
apt-get install -qy --no-install-recommends ca-certificates curl gcc git libc6-dev make php-cli php-dev
ci/rust.sh "$rust"
make build
make deb
mkdir -p "$output"
files=(target/deb/*.deb)
if [ "$(. /etc/os-release && echo "$VERSION_ID")" != 12 ]; then files=(target/deb/php*.deb); fi
# GitHub has no ~ in names of files: pre-releases have one.
for file in "${files[@]}"; do
    name=${file##*/}
    cp "$file" "$output/${name//\~/.}"
done
