--TEST--
addTaskStatus(): the status callback once, and only it
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
$client = client();
$queued = $client->doBackground($f, 'queued');
$running = $client->doHighBackground($f, 'running');
$go = unique_function_name('go');
serve_all([$f => function ($job) use ($go) {
    $job->sendStatus(2, 3);
    wait_until(fn() => function_status($go)[0] > 0);
}]);
wait_until(fn() => $client->jobStatus($running)[2] === 2);
foreach (['Created', 'Complete', 'Fail', 'Exception', 'Data', 'Warning'] as $event) {
    $client->{"set{$event}Callback"}(fn() => print("$event must not be called\n"));
}
$names = [$queued => 'queued', $running => 'running', 'H:nowhere:1' => 'unknown'];
$seen = [];
$client->setStatusCallback(function (GearmanTask $task, ...$context) use ($names, &$seen) {
    $seen[] = $names[$task->jobHandle()] . ' ' . json_encode([$task->isKnown(), $task->isRunning(), $task->taskNumerator(), $task->taskDenominator(),
        $task->functionName(), $context]);
});
foreach ($names as $handle => $name) {
    $client->addTaskStatus($handle, "context of $name"); // the tasks are not kept
}
$client->addTaskStatus($queued);
tell('run', $client, fn() => $client->runTasks());
sort($seen);
echo implode("\n", $seen), "\n";
$seen = [];
tell('run', $client, fn() => $client->runTasks());
echo count($seen), "\n";
$client->doBackground($go, 'go');
--EXPECTF--
run: true, SUCCESS
queued [true,false,0,0,%s,["context of queued"]]
queued [true,false,0,0,%s,[]]
running [true,true,2,3,%s,["context of running"]]
unknown [false,false,0,0,%s,["context of unknown"]]
run: true, SUCCESS
0
