--TEST--
A client and a worker in one loop: every kind of task, callbacks that add tasks, and a stream that is ready only when there is something to do
--FILE--
<?php
require __DIR__ . '/loop.inc';

$f = unique_function_name();
$worker = loop_worker([$f => function (GearmanJob $job) {
    $job->sendStatus(1, 2);
    $job->sendWarning('careful');
    $job->sendData('part');
    match ($job->workload()) {
        'fails' => $job->sendFail(),
        'excepts' => $job->sendException('no'),
        default => null,
    };
    return strrev($job->workload());
}]);
$client = loop_client();
$client->enableExceptionHandler();
$log = [];
foreach (['Created', 'Data', 'Warning', 'Status', 'Complete', 'Exception', 'Fail'] as $event) {
    $client->{"set{$event}Callback"}(function (GearmanTask $task, $context = '') use ($event, &$log) {
        $data = $event === 'Status' ? $task->taskNumerator() : $task->data();
        $log[$context][] = trim("$event $data");
        return GEARMAN_WORK_FAIL; // of no matter
    });
}
$both = [$client, $worker];
show('streams', count($client->getStreams()), get_resource_type($client->getStreams()[0]), $client->getStreams() === $client->getStreams());

$client->addTask($f, 'goes', 'goes');
$client->addTaskHigh($f, 'fails', 'fails');
$client->addTaskLow($f, 'excepts', 'excepts');
$client->addTaskBackground($f, 'later', 'later');
$ends = function () use (&$log) {
    return isset($log['later']) && preg_match('/Complete/', json_encode($log['goes'] ?? '')) && end($log['fails']) === 'Fail' && end($log['excepts']) === 'Exception no';
};
loop($both, $ends);
ksort($log);
foreach ($log as $context => $events) {
    show($context, ...$events);
}

// Nothing to do: not ready, and what is called all the same does nothing.
loop($both, fn() => function_status($f) === [0, 0, 1]);
settle($both);
show('rest', turn($both, 0), $client->poll(), $worker->poll(), $client->returnCode(), $worker->returnCode());

// What is added makes it ready, also from a callback.
$log = [];
$client->clearCallbacks();
$client->setCompleteCallback(function (GearmanTask $task) use ($client, $f, &$log) {
    $log[] = $task->data();
    count($log) < 5 && $client->addTask($f, 'n' . count($log));
});
$client->addTask($f, 'n0');
show('ready', turn([$client], 0));
loop($both, function () use (&$log) { return count($log) === 5; });
show('chain', ...$log);

// Questions are tasks, too.
$client->clearCallbacks();
$client->setStatusCallback(function (GearmanTask $task) use (&$known) { $known[] = $task->isKnown(); });
$client->addTaskStatus('H:nobody:1');
loop([$client], function () use (&$known) { return $known; });
show('known', ...$known);
settle($both);
show('rest', turn($both, 0));

// By the functions, as well.
show('twins', gearman_client_get_streams($client) === $client->getStreams(), gearman_worker_get_streams($worker) === $worker->getStreams(), gearman_client_poll($client), gearman_worker_poll($worker));
--EXPECT--
streams: 1, 'stream', true
excepts: 'Created', 'Status 1', 'Warning careful', 'Data part', 'Exception no'
fails: 'Created', 'Status 1', 'Warning careful', 'Data part', 'Fail'
goes: 'Created', 'Status 1', 'Warning careful', 'Data part', 'Complete seog'
later: 'Created'
rest: 0, null, null, 0, 0
ready: 1
chain: '0n', '1n', '2n', '3n', '4n'
known: false
rest: 0
twins: true, true, null, null
