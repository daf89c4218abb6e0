--TEST--
returnCode(): set by calls that talk to servers, left alone by the others
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = new GearmanClient();
show('fresh', code($client), $client->error(), $client->getErrno());
$fail = fn() => @$client->doBackground('', 'x');
foreach ([
    'addServer' => fn() => $client->addServer(HOST, PORT),
    'addServers' => fn() => $client->addServers(HOST . ':' . PORT),
    'doBackground' => fn() => $client->doBackground(unique_function_name(), 'x'),
    'addTask' => fn() => $client->addTaskBackground(unique_function_name(), 'x'),
    'addTaskStatus' => fn() => $client->addTaskStatus('H:nobody:1'),
    'runTasks' => fn() => $client->runTasks(),
    'jobStatus' => fn() => $client->jobStatus('H:nobody:1'),
    'ping' => fn() => $client->ping('x'),
    'jobStatusByUniqueKey' => fn() => $client->jobStatusByUniqueKey('nobody'),
    'setOptions' => fn() => $client->setOptions(GEARMAN_CLIENT_FREE_TASKS),
    'options' => fn() => $client->options(),
    'setTimeout' => fn() => $client->setTimeout(-1),
    'setContext' => fn() => $client->setContext('x'),
    'setDataCallback' => fn() => $client->setDataCallback(fn() => null),
    'clearCallbacks' => fn() => $client->clearCallbacks(),
    'doJobHandle' => fn() => $client->doJobHandle(),
    'doStatus' => fn() => $client->doStatus(),
    'enableExceptionHandler' => fn() => $client->enableExceptionHandler(),
] as $method => $call) {
    $fail();
    $call();
    show($method, code($client));
}

$worker = new GearmanWorker();
show('fresh worker', code($worker), $worker->error(), $worker->getErrno());
$fail = fn() => @$worker->register('');
foreach ([
    'addServer' => fn() => $worker->addServer(HOST, PORT),
    'addServers' => fn() => $worker->addServers(HOST . ':' . PORT),
    'addFunction' => fn() => $worker->addFunction(unique_function_name(), fn() => ''),
    'addFunction, not callable' => fn() => PHP_DEBUG || @$worker->addFunction('f', 'no_such_function'), // which a debug PHP would end at
    'register' => fn() => $worker->register('g'),
    'unregister' => fn() => $worker->unregister('g'),
    'unregister again' => fn() => @$worker->unregister('g'),
    'unregisterAll' => fn() => $worker->unregisterAll(),
    'unregisterAll again' => fn() => @$worker->unregisterAll(),
    'work' => fn() => @$worker->work(),
    'ping' => fn() => $worker->ping('x'),
    'wait' => fn() => @$worker->wait(),
    'setOptions' => fn() => $worker->setOptions($worker->options()),
    'setTimeout' => fn() => $worker->setTimeout(0),
    'setId' => fn() => $worker->setId('id'),
    'enableExceptionHandler' => fn() => $worker->enableExceptionHandler(),
] as $method => $call) {
    $fail();
    $call();
    show($method, code($worker));
}
--EXPECT--
fresh: SUCCESS, false, 0
addServer: SUCCESS
addServers: SUCCESS
doBackground: SUCCESS
addTask: SUCCESS
addTaskStatus: SUCCESS
runTasks: SUCCESS
jobStatus: SUCCESS
ping: SUCCESS
jobStatusByUniqueKey: INVALID_ARGUMENT
setOptions: INVALID_ARGUMENT
options: INVALID_ARGUMENT
setTimeout: INVALID_ARGUMENT
setContext: INVALID_ARGUMENT
setDataCallback: INVALID_ARGUMENT
clearCallbacks: INVALID_ARGUMENT
doJobHandle: INVALID_ARGUMENT
doStatus: INVALID_ARGUMENT
enableExceptionHandler: INVALID_ARGUMENT
fresh worker: SUCCESS, false, 0
addServer: SUCCESS
addServers: SUCCESS
addFunction: SUCCESS
addFunction, not callable: INVALID_ARGUMENT
register: SUCCESS
unregister: SUCCESS
unregister again: NO_REGISTERED_FUNCTION
unregisterAll: SUCCESS
unregisterAll again: NO_REGISTERED_FUNCTIONS
work: NO_REGISTERED_FUNCTIONS
ping: SUCCESS
wait: NO_ACTIVE_FDS
setOptions: INVALID_ARGUMENT
setTimeout: INVALID_ARGUMENT
setId: INVALID_ARGUMENT
enableExceptionHandler: INVALID_ARGUMENT
