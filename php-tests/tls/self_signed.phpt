--TEST--
What `openssl req -x509` makes, given as certificate and as CA file: it is trusted, its time and names count, another of its name is not
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$make = function (string $name, string ...$more): Certificate {
    $base = tls_folder() . '/' . $name;
    $new = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', "$base.key", '-out', "$base.pem", '-subj', '/CN=localhost'];
    openssl(...$new, ...$more);
    return new Certificate("$base.pem", "$base.key");
};
$names = ['-addext', 'subjectAltName=DNS:localhost'];
$own = $make('server', ...$names);
$twin = $make('twin', ...$names);
$server = tls_server($own);
$ping = fn (string $what, $server, string $file, ?Certificate $own = null, string $host = 'localhost') => both_told(
    $what,
    function (object $object) use ($server, $file, $own, $host) {
        $object->setSSL(true, $file, $own?->file, $own?->key);
        $object->addServer($host, $server->tls, false);
    },
);
$ping('its own file', $server, $own->file);
$ping('by its address', $server, $own->file, host: HOST);
$ping('another of its name', $server, $twin->file);
$nameless = $make('nameless');
$ping('without a list of names', tls_server($nameless), $nameless->file);

$client = $make('client');
$server = tls_server($own, $client->file);
$ping('a client', $server, $own->file, $client);
$ping('another client of its name', $server, $own->file, $nameless);
--EXPECT--
its own file:
  true, SUCCESS
by its address:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server's certificate is made out to localhost, not to 127.0.0.1: connect to that name, or say that it is right (peer name)
  false, COULD_NOT_CONNECT
another of its name:
  warning: GearmanX::ping(): no TLS connection to localhost:PORT: the server's certificate is self-signed, and not trusted: put it into ~/twin.pem
  false, COULD_NOT_CONNECT
without a list of names:
  warning: GearmanX::ping(): no TLS connection to localhost:PORT: the server's certificate names neither a host nor an address (subjectAltName), so not localhost: it must be made anew
  false, COULD_NOT_CONNECT
a client:
  true, SUCCESS
another client of its name:
  warning: GearmanX::ping(): no TLS connection to localhost:PORT: the server does not accept our certificate in ~/nameless.pem: it does not know the CA that signed it
  false, COULD_NOT_CONNECT
