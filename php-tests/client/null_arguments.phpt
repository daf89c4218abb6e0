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
show('jobStatus', $client->jobStatus(null), code($client));
show('jobStatusByUniqueKey', $client->jobStatusByUniqueKey(null));
show('ping', $client->ping(null), code($client));
show('addOptions', $client->addOptions(null), $client->options());
show('port', $client->addServer(HOST, null, false), code($client));
