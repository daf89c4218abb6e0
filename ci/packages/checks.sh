# shellcheck shell=bash
# What the scripts of this folder share: lines that begin with "ok" or "FAIL", which packages.sh counts. To be sourced behind
# scripts/lib.sh.

pass() { printf 'ok   %s\n' "$1"; }
fail() { printf 'FAIL %s\n' "$1"; }

# check NAME WANTED GOT
check() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: wanted $(printf %q "$2"), got $(printf %q "$3")"; fi
}
# check_that NAME COMMAND...: the command succeeds. What it says is shown where it does not.
check_that() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then pass "$name"; else fail "$name: $* said: $said"; fi
}

module_version() { php -r 'echo phpversion("gearman");'; }
