#!/usr/bin/env bash
# Certificates are renewed while the server runs, as docs/tls.md says: by SIGHUP, and by the user that the server has become.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/tls-page.sh
. interop/tls-page.sh

switch_on

# Renewed: lines 3 and 5 once more, and SIGHUP.
serial() { timeout 20 openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
before=$(serial)
eval "$(block 'Certificates in five lines' sh 1 | sed -n '3p;5p')" 2>/dev/null
check 'the old certificate until SIGHUP' "$before" "$(serial)"
kill -HUP "$server"
check_that 'SIGHUP' await logged 'the files of TLS are read anew'
check 'then the new one' "$(openssl x509 -noout -serial -in server.pem)" "$(serial)"
check_that 'and a new one of a client' works "${ask[@]}" "${good[@]}"
cp ca.pem kept.pem && echo nothing >ca.pem
kill -HUP "$server"
check_that 'a file that is none' await logged 'the files of TLS are not read anew, those before stay'
cp kept.pem ca.pem
check_that 'changes nothing' works "${ask[@]}" "${good[@]}"
# Another CA in the server's file: who has a certificate of the old one is out.
cp twin/ca.pem ca.pem
kill -HUP "$server"
read_twice() { [ "$(grep -cF 'the files of TLS are read anew' log)" = 2 ]; }
check_that 'another CA' await read_twice
cp kept.pem ca.pem
said 'the server does not accept our certificate in client.pem: its signature cannot be verified' "${ask[@]}" "${good[@]}"
end "$server"

# Who starts it as root and reads the key as root, and renews as another user.
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$scratch" .
    touch log && chmod 666 log
    server_user=(--user nobody)
    serve --ssl --ssl-certificate server.pem --ssl-key server.key --log-file log
    kill -HUP "$server"
    check_that 'a key of root alone is not read anew' await logged 'server.key: Permission denied'
    check_that 'and the one before stays' works "$GEARADMIN" -h 127.0.0.1 -p "$port" --server-version --ssl-ca-file ca.pem
    chown nobody server.key
    : >log
    kill -HUP "$server"
    check_that 'it is when it is that of the user' await logged 'the files of TLS are read anew'
    end "$server"
fi
finish
