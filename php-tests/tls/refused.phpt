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
    both_told($what, function (object $object) use ($server, $file, $own, $host) {
        $object->setSSL(true, $file, $own?->file, $own?->key);
        $object->addServer($host, is_int($server) ? $server : $server->tls, false);
    });
};
$ping('unknown CA', $good, $stranger->file);
$ping('none of the system\'s', $good, null);
$ping('expired', tls_server($ca->issue('expired', from: '-4 days', to: '-36 hours')), $ca->file);
$ping('not yet valid', tls_server($ca->issue('early', from: '+36 hours', to: '+4 days')), $ca->file);
$ping('another host', tls_server($ca->issue('other', 'DNS:jobs.example.org')), $ca->file, null, 'localhost');
$ping('another address', tls_server($ca->issue('other', 'IP:127.0.0.2')), $ca->file);
$ping('no names', tls_server($ca->issue('127.0.0.1', 'email:a@example.org')), $ca->file);
$ping('a plain server', $good->port, $ca->file);
// All of the hello is read: to close with something unread is to reset the connection.
$old = fake_server(function (FakePeer $peer) {
    $peer->bytes(unpack('n', $peer->bytes(5), 3)[1]);
    $peer->send("\x15\x03\x02\x00\x02\x02\x46"); // protocol_version, by TLS 1.1
});
$ping('TLS 1.1 alone', $old->port, $ca->file);

$server = tls_server($ca->issue(), $ca->file);
$ping('without a certificate', $server, $ca->file);
$ping('with a stranger\'s', $server, $ca->file, $stranger->issue('client'));
$ping('with an expired one', $server, $ca->file, $ca->issue('client', from: '-2 days', to: '-1 day'));
$ping('with one that is not valid yet', $server, $ca->file, $ca->issue('client', from: '+36 hours', to: '+4 days'));
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
unknown CA:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server's certificate is signed by no CA in ~/ca.pem: put the certificate of its CA into ~/ca.pem
  false, COULD_NOT_CONNECT
none of the system's:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server's certificate is signed by no CA that this system knows: name the file with the certificate of its CA
  false, COULD_NOT_CONNECT
expired:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server's certificate has expired, N hours ago: it must be renewed
  false, COULD_NOT_CONNECT
not yet valid:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server's certificate is not valid yet, for N hours more: is the clock right?
  false, COULD_NOT_CONNECT
another host:
  warning: GearmanX::ping(): no TLS connection to localhost:PORT: the server's certificate is made out to jobs.example.org, not to localhost: connect to that name, or say that it is right (peer name)
  false, COULD_NOT_CONNECT
another address:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server's certificate is made out to 127.0.0.2, not to 127.0.0.1: connect to that name, or say that it is right (peer name)
  false, COULD_NOT_CONNECT
no names:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server's certificate names neither a host nor an address (subjectAltName), so not 127.0.0.1: it must be made anew
  false, COULD_NOT_CONNECT
a plain server:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server closed the connection during the TLS handshake: does the server speak TLS on this port?
  false, COULD_NOT_CONNECT
TLS 1.1 alone:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server speaks neither TLS 1.2 nor 1.3, and nothing older is safe
  false, COULD_NOT_CONNECT
without a certificate:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server requires a certificate of its clients: name one, and its key
  false, COULD_NOT_CONNECT
with a stranger's:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server does not accept our certificate in ~/client.pem: it does not know the CA that signed it
  false, COULD_NOT_CONNECT
with an expired one:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server does not accept our certificate in ~/client.pem: it has expired, or is not valid yet
  false, COULD_NOT_CONNECT
with one that is not valid yet:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server does not accept our certificate in ~/client.pem: it has expired, or is not valid yet
  false, COULD_NOT_CONNECT
with the right one:
  true, SUCCESS
addServer():
  warning: GearmanClient::addServer(): no TLS connection to 127.0.0.1:PORT: the server's certificate is signed by no CA in ~/ca.pem: put the certificate of its CA into ~/ca.pem
  GearmanException: Failed to set exception option: COULD_NOT_CONNECT: no TLS connection to 127.0.0.1:PORT: the server's certificate is signed by no CA in ~/ca.pem: put the certificate of its CA into ~/ca.pem, COULD_NOT_CONNECT
a plain client of a TLS server:
  warning: GearmanClient::ping(): lost connection to 127.0.0.1:PORT: the server closed the connection
  false, LOST_CONNECTION
two servers:
  true, SUCCESS
