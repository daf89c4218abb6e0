--TEST--
null: accepted where it is declared, elsewhere PHP's deprecation and then '' or 0
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$seen = serve(fn(GearmanJob $job) => preg_match('/^[0-9a-f-]{36}$/', $job->unique()) ? 'a made-up key' : $job->unique());
$client = client();
foreach (['doNormal', 'doHigh', 'doLow'] as $method) {
    show("$method key", $client->$method($seen, 'x', null));
}
foreach (['doBackground', 'doHighBackground', 'doLowBackground'] as $method) {
    show("$method key", $client->$method($seen, 'x', null));
}
show('context and key of addTask', $client->addTask($seen, 'x', null, null), $client->runTasks());
show('host', (new GearmanClient())->addServer(null, PORT));
show('list', (new GearmanClient())->addServers(null, false));

show('workload', $client->doNormal($seen, null), code($client));
show('function', $client->doBackground(null, 'x'), code($client));
show('setContext', $client->setContext(null), $client->context());
show('setTimeout', $client->setTimeout(null), $client->timeout());
$client->setTimeout(-1);
show('jobStatus', $client->jobStatus(null), code($client));
show('jobStatusByUniqueKey', $client->jobStatusByUniqueKey(null));
show('ping', $client->ping(null), code($client));
show('addOptions', $client->addOptions(null), $client->options());
show('port', $client->addServer(HOST, null, false), code($client));
--EXPECT--
doNormal key: 'a made-up key'
doHigh key: 'a made-up key'
doLow key: 'a made-up key'
doBackground key: a handle
doHighBackground key: a handle
doLowBackground key: a handle
context and key of addTask: a GearmanTask, true
host: true
list: true
  Deprecated: GearmanClient::doNormal(): Passing null to parameter #2 ($workload) of type string is deprecated
  Warning: GearmanClient::doNormal()
workload: '', INVALID_ARGUMENT
  Deprecated: GearmanClient::doBackground(): Passing null to parameter #1 ($function) of type string is deprecated
  Warning: GearmanClient::doBackground()
function: '', INVALID_ARGUMENT
  Deprecated: GearmanClient::setContext(): Passing null to parameter #1 ($data) of type string is deprecated
setContext: true, ''
  Deprecated: GearmanClient::setTimeout(): Passing null to parameter #1 ($timeout) of type int is deprecated
setTimeout: true, 0
  Deprecated: GearmanClient::jobStatus(): Passing null to parameter #1 ($job_handle) of type string is deprecated
jobStatus: [false, false, 0, 0], SUCCESS
  Deprecated: GearmanClient::jobStatusByUniqueKey(): Passing null to parameter #1 ($unique_key) of type string is deprecated
jobStatusByUniqueKey: [false, false, 0, 0]
  Deprecated: GearmanClient::ping(): Passing null to parameter #1 ($workload) of type string is deprecated
  Warning: GearmanClient::ping()
ping: false, INVALID_ARGUMENT
  Deprecated: GearmanClient::addOptions(): Passing null to parameter #1 ($option) of type int is deprecated
addOptions: true, 32
  Deprecated: GearmanClient::addServer(): Passing null to parameter #2 ($port) of type int is deprecated
port: true, SUCCESS
