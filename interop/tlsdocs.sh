#!/usr/bin/env bash
# What docs/tls.md says is so: its messages, and what becomes of a renewed certificate. (The page's own commands: interop/docs.sh.)
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

page=$root/docs/tls.md
make_certificates "$scratch/own"
make_certificates "$scratch/own/twin" # another CA of the same name
cd "$scratch/own" || exit 1

# block HEADING LANGUAGE N: the N-th piece of code in this section.
block() {
    awk -v heading="## $1" -v language="\`\`\`$2" -v n="$3" '
        /^## /{ here = $0 == heading }
        /^```/ { inside = here && $0 == language && ++found == n; next }
        inside' "$page"
}

# serve ARGUMENT...: a server that speaks TLS alone, at port; its log is the file log.
serve() {
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        background "$GEARMAND" -p "$port" -P "$scratch/pid" "${server_user[@]}" --verbose NOTICE --listen 127.0.0.1 "$@"
        server=$pid
        if wait_for 10 listens_or_gone && ! gone "$server"; then return; fi
    done
    die 'the server does not start'
}
listens_or_gone() { listens "$port" || gone "$server"; }
logged() { grep -qF -- "$1" log; }

serve --ssl --ssl-certificate server.pem --ssl-key server.key --ssl-ca-file ca.pem --log-file log

# said TEXT COMMAND...: it fails, with this text, which is in the page.
said() {
    local text=$1 answer status
    shift
    answer=$(timeout 20 "$@" 2>&1)
    status=$?
    check "$text" 1 "$status"
    grep -qF -- "$text" <<<"$answer" || fail 'is said' "$(shown "$answer")"
    grep -qF -- "$text" "$page" || fail 'is in the page'
}
works() { timeout 20 "$@" >>"$log" 2>&1; }
ask=("$GEARADMIN" -h 127.0.0.1 -p "$port" --server-version)
good=(--ssl-ca-file ca.pem --ssl-certificate client.pem --ssl-key client.key)
said "the server's certificate is signed by no CA that this system knows" "${ask[@]}" --ssl
said "but by one of the same name" "${ask[@]}" --ssl-ca-file twin/ca.pem
said 'the server requires a certificate of its clients' "${ask[@]}" --ssl-ca-file ca.pem
said 'the certificate file client.pem: there is no private key in it' "${ask[@]}" --ssl-ca-file ca.pem --ssl-certificate client.pem
said 'the key file server.key: the key does not fit the certificate in client.pem' "${ask[@]}" "${good[@]:0:4}" --ssl-key server.key
said "the server's certificate is made out to localhost, 127.0.0.1, not to jobs.example.org" "${ask[@]}" "${good[@]}" --ssl-peer-name jobs.example.org
said 'the server closed the connection' "${ask[@]}"
mv ca.pem hidden.pem
said 'the CA file ca.pem: No such file or directory' "${ask[@]}" "${good[@]}"
mv hidden.pem ca.pem
openssl pkcs8 -topk8 -in client.key -passout pass:secret -out encrypted.key
said 'the key is encrypted' "${ask[@]}" "${good[@]:0:4}" --ssl-key encrypted.key
cat ca.pem client.pem >chain.pem
said 'its certificates are in the wrong order' "${ask[@]}" --ssl-ca-file ca.pem --ssl-certificate chain.pem --ssl-key client.key
mkdir kept && mv client.pem client.key kept && cp twin/client.pem twin/client.key .
said 'the server does not accept our certificate in client.pem: its signature cannot be verified' "${ask[@]}" "${good[@]}"
mv kept/* .
said '--ssl: which certificate? Name it by --ssl-certificate, or by GEARMAND_SERVER_PEM' "$GEARMAND" --check-args --ssl
said '--ssl-verify require: by which CA?' "$GEARMAND" --check-args --ssl --ssl-certificate server.pem --ssl-key server.key --ssl-verify require

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

eval "$(block 'Without a CA' sh 1)" 2>/dev/null
: >log
serve --ssl --ssl-certificate self.pem --ssl-key self.key --log-file log
ask=("$GEARADMIN" -h 127.0.0.1 -p "$port" --server-version)
check_that 'a certificate as its own CA' works "${ask[@]}" --ssl-ca-file self.pem
said "the server's certificate is self-signed, and not trusted" "${ask[@]}" --ssl-ca-file ca.pem
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
    server_user=(-u root)
fi

start_server ours
said 'the server closed the connection during the TLS handshake' "$GEARADMIN" -h 127.0.0.1 -p "$port" --server-version "${good[@]}"

# What takes certificates that these lines do not make is in php-tests/tls: those words, and the page's, are the same.
for text in "the server's certificate is signed by no CA in" "the server's certificate has expired" "the server's certificate is not valid yet" \
    "the server's certificate names neither a host nor an address (subjectAltName)" "it does not know the CA that signed it" \
    "it has expired, or is not valid yet" "what the server answers is not TLS" "no end of the TLS handshake within" \
    "the server speaks neither TLS 1.2 nor 1.3"; do
    check_that "both have: $text" grep -qF -- "$text" "$page"
    grep -qF -- "$text" "$root"/php-tests/tls/*.phpt || fail 'php-tests do not' "$text"
done
finish
