--TEST--
runTasks() after a timeout goes on with the same jobs and repeats no event
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
$client = client();
$log = [];
foreach (['Created', 'Data', 'Complete'] as $event) {
    $client->{"set{$event}Callback"}(function ($task, $n) use ($event, &$log) { $log[] = "$event $n {$task->data()}"; });
}
$client->setTimeout(50);
$client->addTask($f, 'x', 1);
$client->addTask($f, 'x', 2);
tell('nobody there', $client, fn() => $client->runTasks());
$rounds = 0;
wait_until(
    function () use ($client, &$log, &$rounds) { return ++$rounds && @$client->runTasks() || count($log) === 2; },
    what: fn() => "two handles in $rounds rounds: " . implode(', ', $log) . '; ' . implode(' ', function_status($f)) . '; ' . $client->error(),
);
tell('still nobody', $client, fn() => $client->runTasks());
echo implode(', ', $log), ', ', function_status($f)[0], " jobs\n";
serve_all([$f => function ($job) { $job->sendData('d'); return 'result'; }]);
$client->setTimeout(10000);
tell('somebody', $client, fn() => $client->runTasks());
echo implode(', ', $log), "\n";
--EXPECT--
nobody there: false, warning of GearmanClient::runTasks(), TIMEOUT
still nobody: false, warning of GearmanClient::runTasks(), TIMEOUT
Created 1 , Created 2 , 2 jobs
somebody: true, SUCCESS
Created 1 , Created 2 , Data 1 d, Complete 1 result, Data 2 d, Complete 2 result
