# shellcheck shell=bash
# Packages of Debian, and the right to install them. Sourced by lib.sh.

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "This needs root, and there is no sudo. As root: $*"
    fi
}

# apt_knows PACKAGE...: makes sure that apt can name all of them; asks the network only when not.
apt_knows() {
    local package
    for package in "$@"; do
        apt-cache show "$package" >/dev/null 2>&1 || { apt_update && return; }
    done
}
# apt_apart FOLDER PROGRAM ARGUMENT...: apt-get or apt-cache with FOLDER/sources.list and lists of its own, so that the
# system's stay as they are.
apt_apart() {
    local folder=$1 program=$2
    shift 2
    mkdir -p "$folder/lists/partial"
    "$program" -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$folder/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o APT::Sandbox::User="$(id -un)" "$@"
}
apt_update() {
    say "updating apt's package lists"
    as_root apt-get update -qq >&2
}

# apt_install PACKAGE...: with what they depend on, and no more.
apt_install() {
    have apt-get || die "Missing, and there is no apt-get to install it: $* (named as in Debian)"
    apt_knows "$@"
    say "installing $*"
    mkdir -p target
    apt_get_install "$@" || { apt_update && apt_get_install "$@"; } || { tail -n 20 target/apt.log >&2; die "apt-get could not install $*"; }
}
apt_get_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" \
        >target/apt.log 2>&1
}
