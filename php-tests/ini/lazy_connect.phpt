--TEST--
gearman.lazy_connect: addServer() does not connect, the first call does and fails over
--FILE--
<?php
require __DIR__ . '/../api.inc';

$server = start_gearmand();
$port = $server->port;
$server->stop();
foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
    ini_set('gearman.lazy_connect', '0');
    $object = new $class();
    show("$class, at once", fn() => $object->addServer(HOST, $port), code($object));
    ini_set('gearman.lazy_connect', '1');
    $object = new $class();
    show("$class, lazily", $object->addServer(HOST, $port), $object->addServers(HOST . ":$port"), code($object));
    show('enableExceptionHandler connects all the same', fn() => $object->enableExceptionHandler());
    show('nor looks a name up, which may be known by then', $object->addServer('no-such-host.invalid'), code($object));
}
$client = new GearmanClient();
$client->addServer(HOST, $port);
$client->addServer(HOST, PORT);
show('fails over', $client->doBackground(unique_function_name(), 'x'), code($client));
$client = new GearmanClient();
$client->addServers('no-such-host.invalid,' . HOST . ':' . PORT);
show('also where a name is not known', $client->doBackground(unique_function_name(), 'x'), code($client));

// Nor does a callback for exceptions connect, which a page sets that may submit no job.
$client = new GearmanClient();
$client->addServers(HOST . ":$port," . HOST . ':' . PORT);
show('a callback for exceptions', fn() => $client->setExceptionCallback(fn() => null), code($client));
show('and a job', $client->doBackground(unique_function_name(), 'x'), code($client));

// Exceptions are heard although the option was asked for later.
$function = unique_function_name();
$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$worker->addFunction($function, fn() => throw new DomainException('heard'));
$client = new GearmanClient();
$client->addServer(HOST, PORT);
$client->setExceptionCallback(fn(GearmanTask $task) => show('exception', $task->data()));
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$client->addTask($function, 'x');
wait_until(fn() => $client->runTasks() && function_status($function)[0] === 1);
show('work', fn() => $worker->work());
wait_until(fn() => $client->runTasks() && $client->returnCode() === GEARMAN_SUCCESS);
--EXPECT--
GearmanClient, at once: GearmanException: Failed to set exception option, SUCCESS
GearmanClient, lazily: true, true, SUCCESS
enableExceptionHandler connects all the same: GearmanException: Failed to set exception option
nor looks a name up, which may be known by then: true, SUCCESS
GearmanWorker, at once: GearmanException: Failed to set exception option, SUCCESS
GearmanWorker, lazily: true, true, SUCCESS
enableExceptionHandler connects all the same: GearmanException: Failed to set exception option
nor looks a name up, which may be known by then: true, SUCCESS
fails over: a handle, SUCCESS
also where a name is not known: a handle, SUCCESS
a callback for exceptions: true, SUCCESS
and a job: a handle, SUCCESS
work: DomainException: heard
exception: 'DomainException: heard'
