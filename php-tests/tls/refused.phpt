--TEST--
Who is not to be trusted is refused, by a warning that says why, and nothing is sent: servers with a wrong certificate, clients without one
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$stranger = new Authority('Stranger');
$good = tls_server($ca->issue());
$ping = function (string $what, TlsServer|int $server, ?string $file, ?Certificate $own = null, string $host = HOST) {
    foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
        $object = new $class();
        $object->setSSL(true, $file, $own?->file, $own?->key);
        $object->addServer($host, is_int($server) ? $server : $server->tls, false);
        told($class === GearmanClient::class ? $what : 'and the worker', $object, fn () => $object->ping('x'));
    }
};
$ping('unknown CA', $good, $stranger->file);
$ping('none of the system\'s', $good, null);
$ping('expired', tls_server($ca->issue('expired', from: '-2 days', to: '-1 day')), $ca->file);
$ping('not yet valid', tls_server($ca->issue('early', from: '+1 day', to: '+2 days')), $ca->file);
$ping('another host', tls_server($ca->issue('other', 'DNS:jobs.example.org')), $ca->file, null, 'localhost');
$ping('another address', tls_server($ca->issue('other', 'IP:127.0.0.2')), $ca->file);
$ping('no names', tls_server($ca->issue('127.0.0.1', 'email:a@example.org')), $ca->file);
$ping('a plain server', $good->port, $ca->file);

$server = tls_server($ca->issue(), $ca->file);
$ping('without a certificate', $server, $ca->file);
$ping('with a stranger\'s', $server, $ca->file, $stranger->issue('client'));
$ping('with an expired one', $server, $ca->file, $ca->issue('client', from: '-2 days', to: '-1 day'));
$ping('with the right one', $server, $ca->file, $ca->issue('client'));

// As it is where servers are connected to at once.
$client = new GearmanClient();
$client->setSSL(true, $stranger->file);
told('addServer()', $client, fn () => $client->addServer(HOST, $good->tls));
$client = new GearmanClient();
$client->addServer(HOST, $good->tls, false);
$client->setTimeout(5000);
told('a plain client of a TLS server', $client, fn () => $client->ping('x'));
// The next server is tried.
$client = new GearmanClient();
$client->setSSL(false, $stranger->file);
$client->addServers('tls://' . HOST . ":$good->tls," . HOST . ":$good->port", false);
told('two servers', $client, fn () => (bool) $client->doBackground('f', 'x'));
--EXPECT--
