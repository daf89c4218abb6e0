#!/usr/bin/env bash
# The programs and libraries that tests talk to, but databases. Prints where they are, for eval:
#
#   C_GEARMAND C_GEARMAN C_GEARADMIN   the C server and tools
#   PECL_PHP                           php with pecl's module (php -n -d extension=gearman.so)
#   PECL_GEARMAN_SO                    that module alone
#   PEER_LIBS                          its LD_LIBRARY_PATH; empty where the system has its libraries
#   PHP_FPM                            php-fpm of this PHP; empty where there is none
#   PEER_PERL                          perl with Gearman::Client and Gearman::Worker
#   PEER_STUNNEL                       stunnel, which speaks TLS for peers that do not
#   PEER_PYTHON                        python3 with gear and prometheus-client of PyPI; empty where there is no python3 with pip
#   PEER_PROMETHEUS PEER_PROMTOOL      Prometheus, and what checks files for it; empty where the system has no such package
#
# Packages that are installed are used where they are, the others unpacked: see unpack.sh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

group=interop
# shellcheck source=peers/unpack.sh
. peers/unpack.sh
fpm=/usr/sbin/php-fpm$(php_version)
prometheus=/usr/bin/prometheus promtool=/usr/bin/promtool

# They are there, this checkout was not moved since, and no package was removed.
ready() {
    { [ -f "$vars" ] && as_listed; } || return 1
    # shellcheck disable=SC1090
    . "$vars"
    [ "${PHP_FPM-none}" != none ] && [ "$C_GEARMAND" = "$peers/bin/gearmand" ] && "$C_GEARMAND" --version >/dev/null 2>&1 &&
        "$C_GEARADMIN" --help >/dev/null 2>&1 && "$PECL_PHP" -r 'exit((int) !extension_loaded("gearman"));' >/dev/null 2>&1 &&
        "${PEER_STUNNEL:-false}" -version >/dev/null 2>&1 && "${PEER_PERL:-false}" -MGearman::Client -MGearman::Worker -e 1 2>/dev/null &&
        { [ -z "${PEER_PROMTOOL-x}" ] || "${PEER_PROMTOOL:-false}" --version >/dev/null 2>&1; } &&
        { { [ -z "${PEER_PYTHON-x}" ] && ! has_pip; } || "${PEER_PYTHON:-false}" -c 'import gear, prometheus_client' 2>/dev/null; }
}

fetch_python() {
    rows "$group" | awk '$3 == "pypi" { print $2 "==" $4 }' >"$peers/python.txt"
    python3 -m pip install --quiet --no-compile --disable-pip-version-check --root-user-action=ignore \
        --target "$peers/python" --requirement "$peers/python.txt" >&2
}

make_wrappers() {
    local extensions module libs perl=() dir fpm_wrapper="" prometheus_wrapper="" promtool_wrapper=""
    extensions=$("$PHP_CONFIG" --extension-dir)
    module=$(locate "$extensions/gearman.so")
    find_libs
    for dir in "$files"/usr/share/perl5 "$files"/usr/lib/*/perl5/*; do
        if [ -d "$dir" ]; then perl+=(-I "$dir"); fi
    done
    wrapper gearmand "$(locate /usr/sbin/gearmand)"
    wrapper gearman "$(locate /usr/bin/gearman)"
    wrapper gearadmin "$(locate /usr/bin/gearadmin)"
    wrapper pecl-php "$(command -v "$PHP")" -n -d extension="$module"
    if [ -x "$(locate "$fpm")" ]; then
        wrapper php-fpm "$(locate "$fpm")"
        fpm_wrapper=$peers/bin/php-fpm
    fi
    if [ -x "$(locate "$promtool")" ]; then
        wrapper prometheus "$(locate "$prometheus")"
        wrapper promtool "$(locate "$promtool")"
        prometheus_wrapper=$peers/bin/prometheus promtool_wrapper=$peers/bin/promtool
    fi
    wrapper stunnel "$(locate /usr/bin/stunnel4)"
    wrapper perl perl "${perl[@]}"
    if [ -n "$python" ]; then wrapper python3 env PYTHONPATH="$peers/python" PYTHONDONTWRITEBYTECODE=1 python3; fi
    printf '%s=%q\n' C_GEARMAND "$peers/bin/gearmand" C_GEARMAN "$peers/bin/gearman" \
        C_GEARADMIN "$peers/bin/gearadmin" PECL_PHP "$peers/bin/pecl-php" \
        PECL_GEARMAN_SO "$module" PEER_LIBS "$libs" PEER_PERL "$peers/bin/perl" PEER_STUNNEL "$peers/bin/stunnel" \
        PEER_PYTHON "$python" PHP_FPM "$fpm_wrapper" \
        PEER_PROMETHEUS "$prometheus_wrapper" PEER_PROMTOOL "$promtool_wrapper" >"$vars"
}

if ! ready; then
    begin
    python=""
    if has_pip; then
        python=$peers/bin/python3
        fetch_python || die "pip could not fetch what $peers/python.txt has"
    fi
    make_wrappers
    ready || die "a test peer does not start: try each in ${peers#"$root"/}/bin, python3 with -c 'import gear, prometheus_client'"
fi
cat "$vars"
