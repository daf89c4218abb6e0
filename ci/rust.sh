#!/bin/sh
# rust.sh TOOLCHAIN [ARGUMENT...]: Rust by rustup, of which one release is taken whose checksums stand here; the arguments are
# its installer's. Does nothing where this toolchain is there. What comes after in a workflow finds cargo as well.
#
# For sh, as Alpine has no bash.
set -eu

toolchain=$1
shift
version=1.28.2
if [ "$(rustc --version 2>/dev/null | cut -d' ' -f2)" = "$toolchain" ]; then exit; fi

libc=gnu
if ldd /bin/sh 2>&1 | grep -q musl; then libc=musl; fi
host=$(uname -m)-unknown-linux-$libc
case $host in
    x86_64-unknown-linux-gnu) sum=20a06e644b0d9bd2fbdbfd52d42540bdde820ea7df86e92e533c073da0cdd43c ;;
    aarch64-unknown-linux-gnu) sum=e3853c5a252fca15252d07cb23a1bdd9377a8c6f3efa01531109281ae47f841c ;;
    x86_64-unknown-linux-musl) sum=e6599a1c7be58a2d8eaca66a80e0dc006d87bbcf780a58b7343d6e14c1605cb2 ;;
    aarch64-unknown-linux-musl) sum=a97c8f56d7462908695348dd8c71ea6740c138ce303715793a690503a94fc9a9 ;;
    *) echo "rust.sh: nothing is known of $host" >&2 && exit 1 ;;
esac

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
curl --proto '=https' --tlsv1.2 -sSf --retry 3 -o "$folder/rustup-init" \
    "https://static.rust-lang.org/rustup/archive/$version/$host/rustup-init"
echo "$sum  $folder/rustup-init" | sha256sum -c - >/dev/null
chmod +x "$folder/rustup-init"
"$folder/rustup-init" -y --no-modify-path --profile minimal --default-toolchain "$toolchain" "$@"
if [ -n "${GITHUB_PATH:-}" ]; then echo "$HOME/.cargo/bin" >>"$GITHUB_PATH"; fi
