--TEST--
In a loop: a worker that dies with several jobs has tried all of them
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* It was taken for one that fetches jobs ahead and runs them one by one: only its oldest job counted as tried, whichever had killed it. */
require __DIR__ . '/loop.inc';

$f = unique_function_name();
$client = client();
array_map(fn($workload) => $client->doBackground($f, $workload), ['a', 'b', 'c']);
$child = spawn(function () use ($f) {
    $suspended = [];
    $worker = loop_worker([$f => function () use (&$suspended) {
        $suspended[] = Fiber::getCurrent();
        Fiber::suspend();
    }]);
    while (count($suspended) < 3) {
        $read = $worker->getStreams();
        $write = $except = null;
        stream_select($read, $write, $except, 60);
        (new Fiber($worker->poll(...)))->start();
    }
    posix_kill(getmypid(), SIGKILL);
});
pcntl_waitpid($child, $status);
show('killed', pcntl_wtermsig($status));
$worker = worker([$f => fn(GearmanJob $job) => show('a job', $job->workload(), $job->attempt())]);
for ($i = 0; $i < 3; $i++) {
    $worker->work();
}
--EXPECT--
killed: 9
a job: 'a', 2
a job: 'b', 2
a job: 'c', 2
