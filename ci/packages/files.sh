#!/usr/bin/env bash
# files.sh: all files of this root folder, what is in them, and the packages, users and services that are known. What changes with
# anything that apt does is left out: its caches, logs and lists, what cargo keeps, and the copies that programs keep of /etc/passwd and the like.
set -euo pipefail

find / -xdev \( \
    -path /run -o -path /root/.cargo -o -path /tmp -o -path /var/tmp -o -path /var/cache -o -path /var/lib/apt -o -path /var/log -o \
    -path '/var/lib/dpkg/*-old' -o -path /var/lib/dpkg/status -o -path /var/lib/dpkg/lock -o -path /var/lib/dpkg/triggers -o \
    -regex '/etc/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-' -o -path /etc/.pwd.lock -o -path /etc/ld.so.cache \
    \) -prune -o -printf '%y %m %u:%g %p %l\n' | LC_ALL=C sort -k 4
find /var/log -xdev -printf '%y %m %u:%g %p\n' | LC_ALL=C sort -k 4
find /etc /usr /var/lib/php -xdev -type f ! -path /etc/ld.so.cache ! -regex '/etc/.*-' ! -path /etc/.pwd.lock -exec sha256sum {} + | LC_ALL=C sort -k 2
# shellcheck disable=SC2016
dpkg-query --show --showformat='${Package} ${Version} ${Status}\n'
