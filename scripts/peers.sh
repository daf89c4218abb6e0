#!/usr/bin/env bash
# The C programs, pecl's module, stunnel, Prometheus, the Perl and the Python libraries that the tests talk to. Prints where they are, for eval:
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
# Packages that are installed are used where they are. The others are unpacked under target/peers and
# not installed: that would start a server on 4730 and put pecl's module into everyone's PHP.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

packages=(gearman-job-server gearman-tools "php$(php_version)-gearman" libgearman-client-perl stunnel4)
fpm=/usr/sbin/php-fpm$(php_version) # of the package phpX.Y-fpm, where there is one
prometheus=/usr/bin/prometheus promtool=/usr/bin/promtool # of the package prometheus
peers=$root/target/peers
vars=$peers/vars
# shellcheck source=scripts/unpack.sh
. scripts/unpack.sh

# They are there, this checkout was not moved since, and no package was removed.
ready() {
    [ -f "$vars" ] || return 1
    # shellcheck disable=SC1090
    . "$vars"
    [ "${PHP_FPM-none}" != none ] && [ "$C_GEARMAND" = "$peers/bin/gearmand" ] && "$C_GEARMAND" --version >/dev/null 2>&1 &&
        "$C_GEARADMIN" --help >/dev/null 2>&1 && "$PECL_PHP" -r 'exit((int) !extension_loaded("gearman"));' >/dev/null 2>&1 &&
        "${PEER_STUNNEL:-false}" -version >/dev/null 2>&1 && "${PEER_PERL:-false}" -MGearman::Client -MGearman::Worker -e 1 2>/dev/null &&
        { [ -z "${PEER_PROMTOOL-x}" ] || "${PEER_PROMTOOL:-false}" --version >/dev/null 2>&1; } &&
        { [ -z "${PEER_PYTHON-x}" ] || "${PEER_PYTHON:-false}" -c 'import gear, prometheus_client' 2>/dev/null; }
}

# Those of our packages, and of what they depend on, that are not installed.
to_unpack() {
    local package
    apt-get -s install --no-install-recommends "${packages[@]}" | awk '$1 == "Inst" { print $2 }' || return
    # Of FPM's, none of what starts it with the system.
    package=php$(php_version)-fpm
    if apt-cache show "$package" >/dev/null 2>&1; then
        apt-get -s install --no-install-recommends "$package" | awk '$1 == "Inst" && $2 ~ /^(lib|php)/ { print $2 }'
    fi
    # The programs alone: what else it depends on is of its web page.
    if [ ! -x "$promtool" ] && apt-cache show prometheus >/dev/null 2>&1; then echo prometheus; fi
}

fetch_python() {
    python3 -m pip install --quiet --no-compile --disable-pip-version-check --root-user-action=ignore \
        --target "$peers/python" gear==0.16.0 prometheus-client==0.26.0 >&2
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
    rm -rf "$peers"
    mkdir -p "$peers"
    unpack
    python=""
    if python3 -m pip --version >/dev/null 2>&1; then
        python=$peers/bin/python3
        fetch_python || die "pip could not fetch gear and prometheus-client"
    fi
    make_wrappers
    ready || die "a test peer does not start: try each in ${peers#"$root"/}/bin, python3 with -c 'import gear, prometheus_client'"
fi
cat "$vars"
