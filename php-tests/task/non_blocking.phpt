--TEST--
NON_BLOCKING: runTasks() returns with IO_WAIT, wait() waits; do* block all the same
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
$go = unique_function_name('go');
serve_all([$f => function ($job) use ($go) {
    wait_until(fn() => function_status($go)[0] > 0);
    $job->sendData('data');
    return 'result';
}]);
$client = client();
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$log = [];
foreach (['Created', 'Data', 'Complete'] as $event) {
    $client->{"set{$event}Callback"}(function ($task) use ($event, &$log) { $log[] = "$event " . $task->data(); });
}
$client->addTask($f, 'x');
tell('first run', $client, fn() => $client->runTasks());
$other = client();
wait_until(function () use ($client, &$log) {
    $client->runTasks();
    return $log;
});
tell('created', $client, fn() => $client->runTasks());
echo implode(', ', $log), "\n";
$other->doBackground($go, 'go');
$waits = [];
while (($ran = $client->runTasks()) && $client->returnCode() === GEARMAN_IO_WAIT) {
    $waits[] = $client->wait();
}
tell('ran', $client, fn() => $ran);
echo 'waits in vain: ', count(array_filter($waits, fn($there) => !$there)), '; ', implode(', ', $log), "\n";
tell('nothing to do', $client, fn() => $client->runTasks());
foreach (['doNormal', 'doHigh', 'doLow'] as $method) {
    tell($method, $client, fn() => $client->$method($f, 'x'));
}
tell('doBackground', $client, fn() => $client->doBackground($go, 'x') !== '');
$alone = new GearmanClient();
tell('wait without a server', $alone, fn() => $alone->wait());
--EXPECT--
first run: true, IO_WAIT
created: true, IO_WAIT
Created 
ran: true, SUCCESS
waits in vain: 0; Created , Data data, Complete result
nothing to do: true, SUCCESS
doNormal: "dataresult", SUCCESS
doHigh: "dataresult", SUCCESS
doLow: "dataresult", SUCCESS
doBackground: true, SUCCESS
wait without a server: false, warning of GearmanClient::wait(), NO_ACTIVE_FDS
