--TEST--
Background tasks: only the created callback, priorities, in the order added
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
$client = client();
foreach (['Complete', 'Fail', 'Exception', 'Data', 'Warning', 'Status'] as $event) {
    $client->{"set{$event}Callback"}(fn() => print("$event must not be called\n"));
}
$handles = [];
$client->setCreatedCallback(function (GearmanTask $task, string $context) use (&$handles) {
    echo 'created ', $task->unique(), " $context\n";
    $handles[$task->unique()] = $task->jobHandle();
});
foreach (['addTaskBackground', 'addTaskLowBackground', 'addTaskHighBackground'] as $method) {
    foreach ([1, 2] as $n) {
        $client->$method($f, 'x', "context $n", "$method $n");
    }
}
tell('before the run', null, fn() => function_status($f));
tell('run', $client, fn() => $client->runTasks());
tell('queued', null, fn() => function_status($f));
$worker = worker([$f => function ($job) use (&$handles) {
    echo $job->unique(), ' ', json_encode($handles[$job->unique()] === $job->handle()), "\n";
}]);
for ($i = 0; $i < 6; $i++) {
    $worker->work();
}
--EXPECT--
before the run: [0,0,0]
created addTaskBackground 1 context 1
created addTaskBackground 2 context 2
created addTaskLowBackground 1 context 1
created addTaskLowBackground 2 context 2
created addTaskHighBackground 1 context 1
created addTaskHighBackground 2 context 2
run: true, SUCCESS
queued: [6,0,0]
addTaskHighBackground 1 true
addTaskHighBackground 2 true
addTaskBackground 1 true
addTaskBackground 2 true
addTaskLowBackground 1 true
addTaskLowBackground 2 true
