--TEST--
GEARMAN_SERVERS is the list a new client or worker begins with
--FILE--
<?php
require __DIR__ . '/../api.inc';

final class Sub extends GearmanClient
{
    public function __construct(bool $parent)
    {
        $parent && parent::__construct();
    }
}
$makers = ['new GearmanClient' => fn() => new GearmanClient(), 'gearman_client_create' => gearman_client_create(...),
    'new GearmanWorker' => fn() => new GearmanWorker(), 'gearman_worker_create' => gearman_worker_create(...),
    'parent::__construct' => fn() => new Sub(true)];
putenv('GEARMAN_SERVERS=' . HOST . ':' . PORT);
foreach ($makers as $what => $make) {
    $object = $make();
    show($what, $object->ping('x'), code($object));
}
$object = new Sub(false);
show('the parent constructor was not called', @$object->ping('x'), code($object));

$server = start_gearmand();
$port = $server->port;
$server->stop();
putenv('GEARMAN_SERVERS=' . HOST . ":$port," . HOST . ':' . PORT);
$client = new GearmanClient();
show('two, of which one is down', $client->doBackground(unique_function_name(), 'x'), @$client->ping('x'));
putenv('GEARMAN_SERVERS=' . HOST . ":$port");
$client = new GearmanClient();
show('nobody there is no error yet', code($client), @$client->ping('x'), code($client));
putenv('GEARMAN_SERVERS=');
show('empty', @($client = new GearmanClient())->ping('x'), $client->returnCode() === GEARMAN_NO_SERVERS);
putenv('GEARMAN_SERVERS');
show('none', @($client = new GearmanClient())->ping('x'), $client->returnCode() === GEARMAN_NO_SERVERS);
--EXPECT--
new GearmanClient: true, SUCCESS
gearman_client_create: true, SUCCESS
new GearmanWorker: true, SUCCESS
gearman_worker_create: true, SUCCESS
parent::__construct: true, SUCCESS
the parent constructor was not called: false, NO_SERVERS
two, of which one is down: a handle, false
nobody there is no error yet: COULD_NOT_CONNECT, false, COULD_NOT_CONNECT
empty: false, true
none: false, true
