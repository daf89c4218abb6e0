--TEST--
A server that never answers the handshake: the connect timeout ends it, signal handlers run meanwhile, and end the call where it is to end
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';
require __DIR__ . '/../process/signals.inc';

$silent = fake_server(fn (FakePeer $peer) => $peer->wait());
$halfway = fake_server(function (FakePeer $peer) {
    $peer->bytes(5);
    $peer->send("\x16\x03\x03\x00"); // the beginning of a record
    $peer->wait();
});
// All of the hello is read: to close with something unread is to reset the connection.
$closes = fake_server(fn (FakePeer $peer) => $peer->bytes(unpack('n', $peer->bytes(5), 3)[1]));
$talks = fake_server(function (FakePeer $peer) {
    $peer->send("SSH-2.0-OpenSSH_9.2\r\n");
    $peer->wait();
});
foreach (['silent' => $silent, 'halfway' => $halfway, 'closes' => $closes, 'speaks something else' => $talks] as $name => $server) {
    ini_set('gearman.connect_timeout', '1000');
    foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
        $object = new $class();
        $object->setSSL();
        $object->addServer(HOST, $server->port, false);
        told("$name, $class", $object, fn () => $object->ping('x'));
    }
    // addServer() connects at once.
    $client = new GearmanClient();
    $client->setSSL();
    told('addServer()', $client, fn () => $client->addServer(HOST, $server->port));
}

// setTimeout() counts for all of a call.
ini_set('gearman.connect_timeout', '60000');
$client = new GearmanClient();
$client->setSSL();
$client->addServer(HOST, $silent->port, false);
$client->setTimeout(150);
told('setTimeout()', $client, fn () => $client->doNormal('f', 'x'));
show('0', (bool) $client->setTimeout(0));
told('does not wait', $client, fn () => $client->doNormal('f', 'x'));

pcntl_async_signals(true);
foreach ([GearmanClient::class => GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL, GearmanWorker::class => GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL] as $class => $stop) {
    foreach (['handled' => fn () => null, 'throws' => fn () => throw new LogicException('from the handler')] as $name => $handler) {
        $object = new $class();
        $object->setSSL();
        $object->addServer(HOST, $silent->port, false);
        $object->addOptions($stop);
        $class === GearmanWorker::class && $object->addFunction('f', fn () => null);
        $ran = 0;
        pcntl_signal(SIGUSR1, function () use (&$ran, $handler) {
            $ran++;
            $handler();
        });
        $child = signal_when_asleep(SIGUSR1);
        told("$class, $name", $object, fn () => $object instanceof GearmanClient ? $object->doNormal('f', 'x') : $object->work());
        wait_child($child);
        show('  handler ran', $ran);
    }
}
pcntl_signal(SIGUSR1, SIG_IGN);
--EXPECT--
silent, GearmanClient:
  warning: GearmanClient::ping(): no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?
  false, COULD_NOT_CONNECT
silent, GearmanWorker:
  warning: GearmanWorker::ping(): no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?
  false, COULD_NOT_CONNECT
addServer():
  warning: GearmanClient::addServer(): no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?
  GearmanException: Failed to set exception option: COULD_NOT_CONNECT: no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?, COULD_NOT_CONNECT
halfway, GearmanClient:
  warning: GearmanClient::ping(): no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?
  false, COULD_NOT_CONNECT
halfway, GearmanWorker:
  warning: GearmanWorker::ping(): no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?
  false, COULD_NOT_CONNECT
addServer():
  warning: GearmanClient::addServer(): no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?
  GearmanException: Failed to set exception option: COULD_NOT_CONNECT: no TLS connection to 127.0.0.1:PORT: no end of the TLS handshake within 1000 ms: does the server speak TLS on this port?, COULD_NOT_CONNECT
closes, GearmanClient:
  warning: GearmanClient::ping(): no TLS connection to 127.0.0.1:PORT: the server closed the connection during the TLS handshake: does the server speak TLS on this port?
  false, COULD_NOT_CONNECT
closes, GearmanWorker:
  warning: GearmanWorker::ping(): no TLS connection to 127.0.0.1:PORT: the server closed the connection during the TLS handshake: does the server speak TLS on this port?
  false, COULD_NOT_CONNECT
addServer():
  warning: GearmanClient::addServer(): no TLS connection to 127.0.0.1:PORT: the server closed the connection during the TLS handshake: does the server speak TLS on this port?
  GearmanException: Failed to set exception option: COULD_NOT_CONNECT: no TLS connection to 127.0.0.1:PORT: the server closed the connection during the TLS handshake: does the server speak TLS on this port?, COULD_NOT_CONNECT
speaks something else, GearmanClient:
  warning: GearmanClient::ping(): no TLS connection to 127.0.0.1:PORT: what the server answers is not TLS: is it a plain server, or another port that speaks TLS?
  false, COULD_NOT_CONNECT
speaks something else, GearmanWorker:
  warning: GearmanWorker::ping(): no TLS connection to 127.0.0.1:PORT: what the server answers is not TLS: is it a plain server, or another port that speaks TLS?
  false, COULD_NOT_CONNECT
addServer():
  warning: GearmanClient::addServer(): no TLS connection to 127.0.0.1:PORT: what the server answers is not TLS: is it a plain server, or another port that speaks TLS?
  GearmanException: Failed to set exception option: COULD_NOT_CONNECT: no TLS connection to 127.0.0.1:PORT: what the server answers is not TLS: is it a plain server, or another port that speaks TLS?, COULD_NOT_CONNECT
setTimeout():
  warning: GearmanClient::doNormal(): timeout reached, nothing was heard from 127.0.0.1:PORT for N ms
  '', TIMEOUT
0: true
does not wait:
  warning: GearmanClient::doNormal(): timeout reached, nothing was heard from 127.0.0.1:PORT for N ms
  '', TIMEOUT
GearmanClient, handled:
  '', IO_WAIT
  handler ran: 1
GearmanClient, throws:
  LogicException: from the handler, SUCCESS
  handler ran: 1
GearmanWorker, handled:
  false, IO_WAIT
  handler ran: 1
GearmanWorker, throws:
  LogicException: from the handler, SUCCESS
  handler ran: 1
