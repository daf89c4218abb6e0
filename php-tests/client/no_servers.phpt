--TEST--
Without servers: warnings and NO_SERVERS
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = new GearmanClient();
foreach (['do', 'doNormal', 'doHigh', 'doLow', 'doBackground', 'doHighBackground', 'doLowBackground'] as $method) {
    show($method, $client->$method('f', 'x'), code($client), (string) $client->error() !== '', $client->getErrno());
}
show('jobStatus', $client->jobStatus('H:a:1'), code($client));
show('jobStatusByUniqueKey', $client->jobStatusByUniqueKey('key'));
show('ping', $client->ping('x'), code($client));
show('runTasks without tasks', $client->runTasks(), code($client));
show('addTask', $client->addTask('f', 'x'), code($client));
show('runTasks', $client->runTasks(), code($client));
show('enableExceptionHandler', fn() => $client->enableExceptionHandler());
show('setExceptionCallback', fn() => $client->setExceptionCallback(fn() => null));
try {
    $client->enableExceptionHandler();
} catch (GearmanException $e) {
    show('code', $e->getCode(), $e->code);
}
--EXPECT--
  Warning: GearmanClient::do()
do: '', NO_SERVERS, true, 0
  Warning: GearmanClient::doNormal()
doNormal: '', NO_SERVERS, true, 0
  Warning: GearmanClient::doHigh()
doHigh: '', NO_SERVERS, true, 0
  Warning: GearmanClient::doLow()
doLow: '', NO_SERVERS, true, 0
  Warning: GearmanClient::doBackground()
doBackground: '', NO_SERVERS, true, 0
  Warning: GearmanClient::doHighBackground()
doHighBackground: '', NO_SERVERS, true, 0
  Warning: GearmanClient::doLowBackground()
doLowBackground: '', NO_SERVERS, true, 0
  Warning: GearmanClient::jobStatus()
jobStatus: [false, false, 0, 0], NO_SERVERS
  Warning: GearmanClient::jobStatusByUniqueKey()
jobStatusByUniqueKey: [false, false, 0, 0]
  Warning: GearmanClient::ping()
ping: false, NO_SERVERS
runTasks without tasks: true, SUCCESS
addTask: a GearmanTask, SUCCESS
  Warning: GearmanClient::runTasks()
runTasks: false, NO_SERVERS
enableExceptionHandler: GearmanException: Failed to set exception option
setExceptionCallback: GearmanException: Failed to set exception option
code: 0, 0
