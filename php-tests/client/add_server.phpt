--TEST--
addServer(): connects at once unless told otherwise; unreachable servers throw and are added all the same
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
    echo "$class\n";
    $object = new $class();
    show('- address', $object->addServer(HOST, PORT), code($object));
    show('- name', $object->addServer('localhost', PORT), code($object));
    show('- null and empty are localhost', $object->addServer(null, PORT), $object->addServer('', PORT));
    show('- the same twice', $object->ping('x'));
    show('- unknown name', $object->addServer('no-such-host.invalid', PORT), code($object), (string) $object->error() !== '');
    show('- unknown name, not connecting', $object->addServer('no-such-host.invalid', PORT, false), code($object));
    show('- was not added', $object->ping('x'), code($object));
}

$server = start_gearmand();
$port = $server->port;
$server->stop();
foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
    echo "$class, nobody there\n";
    $object = new $class();
    show('- not connecting', $object->addServer(HOST, $port, false), code($object));
    show('- ping', $object->ping('x'), code($object), (string) $object->error() !== '');
    $object = new $class();
    show('- connecting', fn() => $object->addServer(HOST, $port), code($object));
    show('- was added', $object->ping('x'), code($object));
    show('- another throws for its sake', fn() => $object->addServer(HOST, PORT));
}
$client = new GearmanClient();
@$client->addServer(HOST, $port, false);
$again = start_gearmand(port: $port);
show('the server is there later', $client->ping('x'), code($client));
show('default port', (new GearmanClient())->addServer(HOST, 0, false), (new GearmanWorker())->addServer(setupExceptionHandler: false));
--EXPECT--
GearmanClient
- address: true, SUCCESS
- name: true, SUCCESS
- null and empty are localhost: true, true
- the same twice: true
  Warning: GearmanClient::addServer()
- unknown name: false, GETADDRINFO, true
  Warning: GearmanClient::addServer()
- unknown name, not connecting: false, GETADDRINFO
- was not added: true, SUCCESS
GearmanWorker
- address: true, SUCCESS
- name: true, SUCCESS
- null and empty are localhost: true, true
- the same twice: true
  Warning: GearmanWorker::addServer()
- unknown name: false, GETADDRINFO, true
  Warning: GearmanWorker::addServer()
- unknown name, not connecting: false, GETADDRINFO
- was not added: true, SUCCESS
GearmanClient, nobody there
- not connecting: true, SUCCESS
  Warning: GearmanClient::ping()
- ping: false, COULD_NOT_CONNECT, true
- connecting: GearmanException: Failed to set exception option, SUCCESS
  Warning: GearmanClient::ping()
- was added: false, COULD_NOT_CONNECT
- another throws for its sake: GearmanException: Failed to set exception option
GearmanWorker, nobody there
- not connecting: true, SUCCESS
  Warning: GearmanWorker::ping()
- ping: false, COULD_NOT_CONNECT, true
- connecting: GearmanException: Failed to set exception option, SUCCESS
  Warning: GearmanWorker::ping()
- was added: false, COULD_NOT_CONNECT
- another throws for its sake: GearmanException: Failed to set exception option
the server is there later: true, SUCCESS
default port: true, true
