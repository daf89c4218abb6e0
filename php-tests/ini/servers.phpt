--TEST--
gearman.servers is the list a new object begins with; GEARMAN_SERVERS goes before it
--FILE--
<?php
require __DIR__ . '/../api.inc';

putenv('GEARMAN_SERVERS');
$before = new GearmanClient();
ini_set('gearman.servers', HOST . ':' . PORT);
foreach (['client' => new GearmanClient(), 'worker' => new GearmanWorker(), 'by function' => gearman_client_create()] as $what => $object) {
    show($what, $object->ping('x'), code($object));
}
show('read when an object is made', @$before->ping('x'), code($before));

$server = start_gearmand();
putenv('GEARMAN_SERVERS=' . HOST . ":$server->port");
$handle = (new GearmanClient())->doBackground($function = unique_function_name(), 'x');
show('the environment goes before', function_status($function, $server->port)[0], function_status($function)[0]);

// Every page threw while one server of a cluster was away with its name. It may be known when it is needed.
putenv('GEARMAN_SERVERS=no-such-host.invalid:1,' . HOST . ':' . PORT);
show('environment with an unknown name', (new GearmanClient())->doBackground(unique_function_name(), 'x'));
putenv('GEARMAN_SERVERS=no-such-host.invalid:1');
$client = new GearmanClient();
show('and no other', @$client->doBackground(unique_function_name(), 'x'), code($client));
putenv('GEARMAN_SERVERS=' . HOST . ':x');
show('environment with a mistake', function () {
    try {
        new GearmanClient();
    } catch (GearmanException $e) {
        return str_contains($e->getMessage(), HOST . ':x');
    }
});
putenv('GEARMAN_SERVERS');
ini_set('gearman.servers', HOST . ':x');
show('setting with a mistake', function () {
    try {
        new GearmanWorker();
    } catch (GearmanException $e) {
        return str_contains($e->getMessage(), HOST . ':x');
    }
});
--EXPECT--
client: true, SUCCESS
worker: true, SUCCESS
by function: true, SUCCESS
read when an object is made: false, NO_SERVERS
the environment goes before: 1, 0
environment with an unknown name: a handle
and no other: '', GETADDRINFO
environment with a mistake: true
setting with a mistake: true
