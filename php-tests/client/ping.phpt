--TEST--
ping: any bytes, not none, and all servers
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$client = client();
foreach (['x', "\0", "a\0b\xff", str_repeat("\0y", 200000)] as $data) {
    tell('ping', $client, fn() => $client->ping($data));
}
tell('nothing', $client, fn() => $client->ping(''));
tell('again', $client, fn() => $client->ping('x'));
$alone = new GearmanClient();
tell('no server', $alone, fn() => $alone->ping('x'));
$server = start_gearmand();
$client->addServer(HOST, $server->port);
tell('two servers', $client, fn() => $client->ping('x'));
$server->stop();
tell('one of them stopped', $client, fn() => @$client->ping('x'));
tell('is down', $client, fn() => $client->ping('x'));
$worker = worker();
tell('worker', $worker, fn() => $worker->ping("a\0b"));
tell('worker, nothing', $worker, fn() => $worker->ping(''));
--EXPECTF--
ping: true, SUCCESS
ping: true, SUCCESS
ping: true, SUCCESS
ping: true, SUCCESS
nothing: false, warning of GearmanClient::ping(), code 49
again: true, SUCCESS
no server: false, warning of GearmanClient::ping(), NO_SERVERS
two servers: true, SUCCESS
one of them stopped: false%S, %s
is down: false, warning of GearmanClient::ping(), COULD_NOT_CONNECT
worker: true, SUCCESS
worker, nothing: false, warning of GearmanWorker::ping(), code 49
