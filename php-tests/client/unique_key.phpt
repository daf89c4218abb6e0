--TEST--
Unique keys: as given, made up, made from the workload; equal ones are one job
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
$go = unique_function_name('go');
serve([$f => function ($job) use ($go) {
    if ($job->workload() === 'wait') { // until another job has told it to go on
        wait_until(fn() => function_status($go)[0] > 0);
        $job->sendData('data ');
    }
    return $job->unique() . '=' . $job->workload();
}]);
$client = client();
echo $client->doNormal($f, 'w', 'my key'), "\n";
echo $client->doNormal($f, 'w', str_repeat('k', 63)), "\n";
foreach ([null, ''] as $key) {
    $a = $client->doNormal($f, 'w', $key);
    $b = $client->doNormal($f, 'w', $key);
    echo preg_match('/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}=w$/', $a), var_export($a !== $b, true), "\n";
}
$a = $client->doNormal($f, 'same', '#');
$b = $client->doNormal($f, 'other', '#');
echo preg_match('/^\d+=same$/', $a), ' ', var_export((int) $a !== (int) $b && $client->doNormal($f, 'same', '#') === $a, true), "\n";
echo $client->doNormal($f, 'w', '-'), "\n";

// Three clients wait for one job; the first one's workload counts. Each says when the server has taken its job.
$children = [];
foreach (['wait', 'ignored', 'ignored'] as $workload) {
    [$here, $there] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    $children[] = spawn(function () use ($f, $workload, $there) {
        $client = client();
        $client->setCreatedCallback(function () use ($there) { fwrite($there, "created\n"); });
        $client->setDataCallback(function ($task) use (&$data) { $data = $task->data(); });
        $client->setCompleteCallback(function ($task) use (&$data) { echo "child: $data{$task->data()}\n"; });
        $client->addTask($f, $workload, null, 'shared');
        $client->runTasks();
    });
    fgets($here);
}
$client->doBackground($go, 'go');
array_map(wait_child(...), $children);

// In the background: one job for a key, another for another function.
$q = unique_function_name();
$handles = [$client->doBackground($q, 'a', 'k'), $client->doLowBackground($q, 'b', 'k'), $client->doHighBackground($q, 'c', 'k')];
echo count(array_unique($handles)), ' job, ', function_status($q)[0], " in the queue\n";
echo var_export($client->doBackground("$q.other", 'a', 'k') !== $handles[0], true), "\n";
$worker = worker([$q => fn($job) => print($job->workload() . "\n")]);
$worker->work();
wait_until(fn() => !$client->jobStatus($handles[0])[0]);
echo var_export($client->doBackground($q, 'd', 'k') !== $handles[0], true), "\n";
--EXPECT--
my key=w
kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk=w
1true
1true
1 true
-=w
child: data shared=wait
child: data shared=wait
child: data shared=wait
1 job, 1 in the queue
true
a
true
