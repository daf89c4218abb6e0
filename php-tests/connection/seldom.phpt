--TEST--
Who calls seldom: a connection that comes up between two calls is used, however long after
--EXTENSIONS--
gearman
pcntl
posix
--INI--
gearman.connect_timeout=100
gearman.lazy_connect=1
--FILE--
<?php
require __DIR__ . '/../api.inc';

// It was thrown away unseen: such programs never came to a job while their server was well, and did not hear of it.
function seldom(callable $call): void
{
    wait_until(function () use ($call) {
        usleep(150_000); // the program's own: longer than a try to connect may take
        return $call();
    });
}

$function = unique_function_name();
$worker = worker([$function => function (GearmanJob $job) use (&$done) { $done = $job->workload(); }]);
$worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
client()->doBackground($function, 'one');
seldom(fn() => $worker->work());
show('worker', $done);

$client = client();
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$task = $client->addTaskBackground($function, 'two');
seldom(fn() => $client->runTasks() && $client->returnCode() === GEARMAN_SUCCESS);
show('client', $task->jobHandle() !== '');
seldom(fn() => $worker->work());
show('worker', $done);
?>
--EXPECT--
worker: 'one'
client: true
worker: 'two'
