--TEST--
Jobs of one function with the same unique key are one job while it is queued or running
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = unique_function_name();
$client = client();
$handle = $client->doBackground($function, 'first', 'key');
show('the same key', $client->doBackground($function, 'second', 'key') === $handle, function_status($function)[0]);
show('another client', client()->doHighBackground($function, 'third', 'key') === $handle, function_status($function)[0]);
show('another key', $client->doBackground($function, 'fourth', 'other') === $handle, function_status($function)[0]);
show('another function', $client->doBackground(unique_function_name(), 'fifth', 'key') === $handle, function_status($function)[0]);
show("'-' takes the workload as key", $client->doBackground($function, 'same', '-') === $client->doBackground($function, 'same', '-'),
    $client->doBackground($function, 'different', '-') === $client->doBackground($function, 'same', '-'), function_status($function)[0]);
show("'#' takes its hash", $client->doBackground($function, 'same', '#') === $client->doBackground($function, 'same', '#'), function_status($function)[0]);

$worker = worker([$function => function (GearmanJob $job) use (&$seen) { $seen[] = $job->workload(); }]);
for ($i = 0; $i < 5; $i++) {
    $worker->work();
}
sort($seen);
show('what the worker saw', $seen);
wait_until(fn() => function_status($function)[0] === 0);
show('after its end it is a new job', $client->doBackground($function, 'again', 'key') === $handle, function_status($function)[0]);

// All who wait for a job get its data and its result; the first one's workload counts.
$function = unique_function_name();
[$a, $b, $c] = [client(), client(), client()];
$log = [];
foreach (['a' => $a, 'b' => $b, 'c' => $c] as $name => $client) {
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
    $client->setDataCallback(function ($task) use ($name, &$log) { $log[] = "$name data " . $task->data(); });
    $client->setCompleteCallback(function ($task) use ($name, &$log) { $log[] = "$name result " . $task->data(); });
    $client->addTask($function, "workload of $name", null, 'key');
    wait_until(fn() => $client->runTasks() && function_status($function)[0] === 1);
}
$worker = worker([$function => function (GearmanJob $job) {
    $job->sendData('piece');
    return $job->workload();
}]);
$worker->work();
foreach ([$a, $b, $c] as $client) {
    do {
        $client->runTasks();
    } while ($client->returnCode() === GEARMAN_IO_WAIT && $client->wait());
}
show('three clients', $log);
wait_until(fn() => function_status($function)[0] === 0, 10, 'the end of the job');
--EXPECT--
the same key: true, 1
another client: true, 1
another key: false, 2
another function: false, 2
'-' takes the workload as key: true, false, 4
'#' takes its hash: true, 5
what the worker saw: ['different', 'first', 'fourth', 'same', 'same']
after its end it is a new job: false, 1
three clients: ['a data piece', 'a result workload of a', 'b data piece', 'b result workload of a', 'c data piece', 'c result workload of a']
