#!/usr/bin/env bash
# row.sh ROW: runs a row of ci/rows, as the workflows do: on what is committed, in a container of the row's image. Where there
# is no Docker, the container is a root folder of the Debian that has the row's PHP, with this machine's Rust. Exit code 69:
# this machine cannot run it, and the last line says why. The checkout that is tested is target/ci/ROW, and is kept for the next time.
#
# row.sh --inside ROW: what is run in there, as root.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

inside() {
    # What images and root folders lack before our own scripts can run.
    apt-get -q update
    apt-get install -qy --no-install-recommends ca-certificates curl gcc git libc6-dev make
    ci/rust.sh "$(field rust)" --component clippy,rustfmt
    export PATH=$HOME/.cargo/bin:$PATH CI=true CARGO_NET_OFFLINE=false
    bash -euo pipefail -c "$(field command)"
}

checkout() {
    [ -d "$source/.git" ] || git clone -q --no-checkout "file://$root" "$source"
    git -C "$source" fetch -q "file://$root" HEAD
    git -C "$source" checkout -qf --detach FETCH_HEAD
    git -C "$source" clean -qfdx -e target
}

# Roots of namespaces are made in some rows; a container without these rights has none.
in_docker() {
    docker run --rm --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined \
        --volume "$source:$source" --workdir "$source" "$(field image)" bash -euc \
        'git config --global --add safe.directory "$PWD" 2>/dev/null || true; exec ci/row.sh --inside "$0"' "$row"
}

not_had() { echo "not had: $*" >&2 && exit 69; }

in_root_folder() {
    local place suites found
    found=$(rustc --version | cut -d' ' -f2)
    [ "$(field rust)" = "$found" ] || not_had "Rust $(field rust), as there is no Docker; this machine has $found"
    case $(field php) in
        8.2 | -) suites=(8.2 bookworm) ;;
        8.4) suites=(8.4 trixie) ;;
        8.5) suites=(8.5 sid experimental) ;;
        *) not_had "PHP $(field php), as there is no Docker and Debian has none" ;;
    esac
    place=${STEPS:-$root/target/ci}/root-${suites[0]}
    ci/php-debian.sh make "$place" "${suites[@]}"
    ci/php-debian.sh run "$place" "$source/ci/row.sh" --inside "$row"
}

if [ "${1:-}" = --inside ]; then
    row=${2:?}
    field() { ci/workflow-rows.sh field "$row" "$1"; }
    inside
    exit
fi

row=${1:?usage: row.sh ROW; ci/rows has them}
field() { ci/workflow-rows.sh field "$row" "$1"; }
field command >/dev/null
case $(field on)-$(uname -m) in
    amd64-x86_64 | arm64-aarch64) ;;
    *) not_had "a machine of $(field on); this one is $(uname -m)" ;;
esac
source=$root/target/ci/$row
mkdir -p "$root/target/ci"
checkout
if [ "$(field image)" = host ]; then
    cd "$source"
    bash -euo pipefail -c "$(field command)"
elif docker version >/dev/null 2>&1; then
    in_docker
else
    in_root_folder
fi
