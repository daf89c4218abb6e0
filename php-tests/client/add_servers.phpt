--TEST--
addServers(): lists with defaults, blanks and bad entries
--FILE--
<?php
require __DIR__ . '/../api.inc';

$port = PORT;
foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
    echo "$class\n";
    foreach ([
        'one' => HOST . ":$port",
        'two' => HOST . ":$port,localhost:$port",
        'without host' => ":$port",
        'blanks after the port' => HOST . ":$port ",
    ] as $what => $list) {
        $object = new $class();
        show("- $what", $object->addServers($list), code($object), $object->ping('x'));
    }
    // Without a port 4730 is meant, where anybody or nobody may listen.
    foreach (['null' => null, 'empty' => '', 'name alone' => 'localhost', 'empty entries' => ',,', 'list ends with a comma' => HOST . ":$port,"] as $what => $list) {
        $object = new $class();
        show("- $what", $object->addServers($list, false), code($object));
    }
    foreach (['unknown name' => 'no-such-host.invalid:1', 'blank before a name' => HOST . ":$port, localhost:$port"] as $what => $list) {
        $object = new $class();
        show("- $what", $object->addServers($list, false), code($object), (string) $object->error() !== '');
    }
    $object = new $class();
    show('- those before a bad one stay', @$object->addServers(HOST . ":$port,no-such-host.invalid:1"), $object->ping('x'));
}
--EXPECT--
GearmanClient
- one: true, SUCCESS, true
- two: true, SUCCESS, true
- without host: true, SUCCESS, true
- blanks after the port: true, SUCCESS, true
- null: true, SUCCESS
- empty: true, SUCCESS
- name alone: true, SUCCESS
- empty entries: true, SUCCESS
- list ends with a comma: true, SUCCESS
  Warning: GearmanClient::addServers()
- unknown name: false, GETADDRINFO, true
  Warning: GearmanClient::addServers()
- blank before a name: false, GETADDRINFO, true
- those before a bad one stay: false, true
GearmanWorker
- one: true, SUCCESS, true
- two: true, SUCCESS, true
- without host: true, SUCCESS, true
- blanks after the port: true, SUCCESS, true
- null: true, SUCCESS
- empty: true, SUCCESS
- name alone: true, SUCCESS
- empty entries: true, SUCCESS
- list ends with a comma: true, SUCCESS
  Warning: GearmanWorker::addServers()
- unknown name: false, GETADDRINFO, true
  Warning: GearmanWorker::addServers()
- blank before a name: false, GETADDRINFO, true
- those before a bad one stay: false, true
