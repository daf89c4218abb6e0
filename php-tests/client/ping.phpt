--TEST--
ping() asks all servers
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = client();
show('ping', $client->ping("a\0b"), code($client));
show('large', $client->ping(str_repeat('p', 1 << 20)), code($client));
show('empty', $client->ping(''), code($client), (string) $client->error() !== '');
show('afterwards', $client->ping('x'), code($client));
$worker = worker();
show('worker', $worker->ping("a\0b"), code($worker));
show('worker, empty', $worker->ping(''), code($worker));

$second = start_gearmand();
foreach ([$client, $worker] as $object) {
    $object->addServer(HOST, $second->port);
    show(get_class($object) . ' with two servers', $object->ping('x'), code($object));
}
$second->stop();
foreach ([$client, $worker] as $object) {
    @$object->ping('its connection was closed');
    show(get_class($object) . ', one of them down', $object->ping('x'), code($object));
}
--EXPECT--
ping: true, SUCCESS
large: true, SUCCESS
  Warning: GearmanClient::ping()
empty: false, INVALID_ARGUMENT, true
afterwards: true, SUCCESS
worker: true, SUCCESS
  Warning: GearmanWorker::ping()
worker, empty: false, INVALID_ARGUMENT
GearmanClient with two servers: true, SUCCESS
GearmanWorker with two servers: true, SUCCESS
  Warning: GearmanClient::ping()
GearmanClient, one of them down: false, COULD_NOT_CONNECT
  Warning: GearmanWorker::ping()
GearmanWorker, one of them down: false, COULD_NOT_CONNECT
