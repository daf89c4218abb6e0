--TEST--
tls:// in front of a server's name: TLS with that server alone, wherever a server is named
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$server = tls_server($ca->issue());
$plain = HOST . ":$server->port";
$tls = 'tls://' . HOST . ":$server->tls";
foreach (['GearmanClient', 'GearmanWorker'] as $class) {
    echo "$class:\n";
    // Without setSSL(), the defaults say whom to trust; that CA is not the system's.
    $object = new $class();
    told('nobody named a CA', $object, fn () => $object->addServer($tls));
    $object = new $class();
    $object->setSSL(false, $ca->file);
    show('setSSL(false) with a CA', $object->addServer($tls), $object->ping('x'));
    show('and a plain server', $object->addServer(HOST, $server->port), $object->ping('x'));
    show('off all the same', $object->options() & ($class === 'GearmanClient' ? 256 : 1024));

    $object = new $class();
    $object->setSSL(false, $ca->file);
    show('a port of its own', $object->addServer('tls://' . HOST, $server->tls), $object->ping('x'));
    $object = new $class();
    $object->setSSL(false, $ca->file);
    show('a list', $object->addServers("$plain, $tls"), $object->ping('x'));
    $object = new $class();
    $object->setSSL(true, $ca->file);
    show('with TLS for all', $object->addServers("tls://localhost:$server->tls," . HOST . ":$server->tls"), $object->ping('x'));
    $object = new $class();
    $object->addServer($tls, 0, false);
    $object->setSSL(false, $ca->file);
    show('setSSL() afterwards', $object->ping('x'));

}
foreach (['tls://', 'tls:///run/gearmand.sock', 'tls://unix:///run/gearmand.sock', 'tls://a:b', 'a,tls://'] as $bad) {
    $client = new GearmanClient();
    told($bad, $client, fn () => $client->addServers($bad));
}

putenv("GEARMAN_SERVERS=$tls");
$client = new GearmanClient();
$client->setSSL(false, $ca->file);
show('GEARMAN_SERVERS', $client->ping('x'));
putenv("GEARMAN_SERVERS");
ini_set('gearman.servers', "$tls,$plain");
$worker = new GearmanWorker();
$worker->setSSL(false, $ca->file);
show('gearman.servers', $worker->ping('x'));
--EXPECT--
GearmanClient:
nobody named a CA:
  warning: GearmanClient::addServer(): no TLS connection to tls://127.0.0.1:PORT: the server's certificate is signed by no CA that this system knows: name the file with the certificate of its CA
  GearmanException: Failed to set exception option: COULD_NOT_CONNECT: no TLS connection to tls://127.0.0.1:PORT: the server's certificate is signed by no CA that this system knows: name the file with the certificate of its CA, COULD_NOT_CONNECT
setSSL(false) with a CA: true, true
and a plain server: true, true
off all the same: 0
a port of its own: true, true
a list: true, true
with TLS for all: true, true
setSSL() afterwards: true
GearmanWorker:
nobody named a CA:
  warning: GearmanWorker::addServer(): no TLS connection to tls://127.0.0.1:PORT: the server's certificate is signed by no CA that this system knows: name the file with the certificate of its CA
  GearmanException: Failed to set exception option: COULD_NOT_CONNECT: no TLS connection to tls://127.0.0.1:PORT: the server's certificate is signed by no CA that this system knows: name the file with the certificate of its CA, COULD_NOT_CONNECT
setSSL(false) with a CA: true, true
and a plain server: true, true
off all the same: 0
a port of its own: true, true
a list: true, true
with TLS for all: true, true
setSSL() afterwards: true
tls://:
  warning: GearmanClient::addServers(): could not resolve tls://: a host must follow tls://
  false, GETADDRINFO
tls:///run/gearmand.sock:
  warning: GearmanClient::addServers(): could not resolve tls:///run/gearmand.sock: a host must follow tls://, and TLS is not for unix sockets: unix:///path is enough
  false, GETADDRINFO
tls://unix:///run/gearmand.sock:
  warning: GearmanClient::addServers(): could not resolve tls://unix:///run/gearmand.sock: a host must follow tls://, and TLS is not for unix sockets: unix:///path is enough
  false, GETADDRINFO
tls://a:b:
  warning: GearmanClient::addServers(): could not resolve tls://a:b: "b" is no port, a number from 1 to 65535 is
  false, GETADDRINFO
a,tls://:
  warning: GearmanClient::addServers(): could not resolve tls://: a host must follow tls://
  false, GETADDRINFO
GEARMAN_SERVERS: true
gearman.servers: true
