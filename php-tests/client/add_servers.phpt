--TEST--
addServers(): lists with defaults, blanks and bad entries
--FILE--
<?php
/* "a:4730, b:4730", as people write lists, was refused for its blank, after the first server had been added: as in pecl.
   And localhost is the loopback also where the system has no line for it (there is none for names under it). */
require __DIR__ . '/../api.inc';

$port = PORT;
foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
    echo "$class\n";
    foreach ([
        'one' => HOST . ":$port",
        'two' => HOST . ":$port,localhost:$port",
        'without host' => ":$port",
        'blanks after the port' => HOST . ":$port ",
        'blanks around all' => ' ' . HOST . ":$port ,\t" . HOST . ":$port,\n:$port ",
        'names under localhost' => "gearmand.localhost:$port,LOCALHOST.:$port",
    ] as $what => $list) {
        $object = new $class();
        show("- $what", $object->addServers($list), code($object), $object->ping('x'));
    }
    // Without a port 4730 is meant, where anybody or nobody may listen.
    foreach (['null' => null, 'empty' => '', 'name alone' => 'localhost', 'empty entries' => ',,', 'list ends with a comma' => HOST . ":$port,"] as $what => $list) {
        $object = new $class();
        show("- $what", $object->addServers($list, false), code($object));
    }
    foreach (['unknown name' => 'no-such-host.invalid:1', 'blank in a name' => "local host:$port", 'blank before a port' => "localhost: $port", 'no port' => 'localhost:x', 'behind brackets' => '[::1]1'] as $what => $list) {
        $object = new $class();
        show("- $what", $object->addServers($list, false), code($object), (string) $object->error() !== '');
    }
    // That a name is not known is no mistake in a list: see unknown_name.phpt.
    foreach (['localhost:70000', '[::1]1'] as $bad) {
        $object = new $class();
        show("- none of a bad list: $bad", @$object->addServers(HOST . ":$port,$bad"), @$object->ping('x'), code($object));
        show('- nor is anything lost', $object->addServers(HOST . ":$port"), @$object->addServers("localhost:$port, $bad"), $object->ping('x'));
    }
    putenv('GEARMAN_SERVERS= ' . HOST . ":$port , localhost:$port");
    show('- of the environment', (new $class())->ping('x'));
    putenv('GEARMAN_SERVERS=' . HOST . ":$port,localhost:x");
    show('- a bad one of the environment', function () use ($class) {
        try {
            new $class();
        } catch (GearmanException $e) {
            return str_contains($e->getMessage(), ': could not resolve localhost:x: ');
        }
    });
    putenv('GEARMAN_SERVERS');
    ini_set('gearman.servers', ' ' . HOST . ":$port , localhost:$port");
    show('- of the setting', (new $class())->ping('x'));
    ini_restore('gearman.servers');
}
--EXPECT--
GearmanClient
- one: true, SUCCESS, true
- two: true, SUCCESS, true
- without host: true, SUCCESS, true
- blanks after the port: true, SUCCESS, true
- blanks around all: true, SUCCESS, true
- names under localhost: true, SUCCESS, true
- null: true, SUCCESS
- empty: true, SUCCESS
- name alone: true, SUCCESS
- empty entries: true, SUCCESS
- list ends with a comma: true, SUCCESS
  Warning: GearmanClient::addServers()
- unknown name: false, GETADDRINFO, true
  Warning: GearmanClient::addServers()
- blank in a name: false, GETADDRINFO, true
  Warning: GearmanClient::addServers()
- blank before a port: false, GETADDRINFO, true
  Warning: GearmanClient::addServers()
- no port: false, GETADDRINFO, true
  Warning: GearmanClient::addServers()
- behind brackets: false, GETADDRINFO, true
- none of a bad list: localhost:70000: false, false, NO_SERVERS
- nor is anything lost: true, false, true
- none of a bad list: [::1]1: false, false, NO_SERVERS
- nor is anything lost: true, false, true
- of the environment: true
- a bad one of the environment: true
- of the setting: true
GearmanWorker
- one: true, SUCCESS, true
- two: true, SUCCESS, true
- without host: true, SUCCESS, true
- blanks after the port: true, SUCCESS, true
- blanks around all: true, SUCCESS, true
- names under localhost: true, SUCCESS, true
- null: true, SUCCESS
- empty: true, SUCCESS
- name alone: true, SUCCESS
- empty entries: true, SUCCESS
- list ends with a comma: true, SUCCESS
  Warning: GearmanWorker::addServers()
- unknown name: false, GETADDRINFO, true
  Warning: GearmanWorker::addServers()
- blank in a name: false, GETADDRINFO, true
  Warning: GearmanWorker::addServers()
- blank before a port: false, GETADDRINFO, true
  Warning: GearmanWorker::addServers()
- no port: false, GETADDRINFO, true
  Warning: GearmanWorker::addServers()
- behind brackets: false, GETADDRINFO, true
- none of a bad list: localhost:70000: false, false, NO_SERVERS
- nor is anything lost: true, false, true
- none of a bad list: [::1]1: false, false, NO_SERVERS
- nor is anything lost: true, false, true
- of the environment: true
- a bad one of the environment: true
- of the setting: true
