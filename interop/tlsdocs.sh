#!/usr/bin/env bash
# What docs/tls.md says is so: its messages. (Its commands: interop/docs.sh.)
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/tls-page.sh
. interop/tls-page.sh

switch_on

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
end "$server"

eval "$(block 'Without a CA' sh 1)" 2>/dev/null
: >log
serve --ssl --ssl-certificate self.pem --ssl-key self.key --log-file log
ask=("$GEARADMIN" -h 127.0.0.1 -p "$port" --server-version)
check_that 'a certificate as its own CA' works "${ask[@]}" --ssl-ca-file self.pem
said "the server's certificate is self-signed, and not trusted" "${ask[@]}" --ssl-ca-file ca.pem
end "$server"

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
