--TEST--
setTimeout(): warning and TIMEOUT when nothing is heard; the client is usable afterwards
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = client();
show('fresh', $client->timeout());
foreach ([1, 1000, 2147483647, 0, -1, -5] as $milliseconds) {
    show("setTimeout($milliseconds)", $client->setTimeout($milliseconds), $client->timeout());
}

$nobody = unique_function_name('nobody');
foreach (['do', 'doNormal', 'doHigh', 'doLow'] as $method) {
    $client->setTimeout(20);
    show($method, $client->$method($nobody, 'x', 'key'), code($client), (string) $client->error() !== '', $client->getErrno());
}
show('the job stays with the server', function_status($nobody));
$client->addTask($nobody, 'x', null, 'key');
show('runTasks', $client->runTasks(), code($client));
$echo = serve(fn(GearmanJob $job) => $job->workload());
$client->setTimeout(10000);
show('usable afterwards', $client->doNormal($echo, 'x'), code($client), $client->ping('x'));

// It limits the silence, not the call: each word of the worker starts it anew.
$talks = serve(function (GearmanJob $job) {
    for ($i = 0; $i < 12; $i++) {
        usleep(50000);
        $job->sendStatus($i, 12);
    }
    return 'after 600 ms';
});
$client->setTimeout(500);
show('a job that reports', $client->doNormal($talks, 'x'), code($client));
--EXPECT--
fresh: -1
setTimeout(1): true, 1
setTimeout(1000): true, 1000
setTimeout(2147483647): true, 2147483647
setTimeout(0): true, 0
setTimeout(-1): true, -1
setTimeout(-5): true, -5
  Warning: GearmanClient::do()
do: '', TIMEOUT, true, 0
  Warning: GearmanClient::doNormal()
doNormal: '', TIMEOUT, true, 0
  Warning: GearmanClient::doHigh()
doHigh: '', TIMEOUT, true, 0
  Warning: GearmanClient::doLow()
doLow: '', TIMEOUT, true, 0
the job stays with the server: [1, 0, 0]
  Warning: GearmanClient::runTasks()
runTasks: false, TIMEOUT
usable afterwards: 'x', SUCCESS, true
a job that reports: 'after 600 ms', SUCCESS
