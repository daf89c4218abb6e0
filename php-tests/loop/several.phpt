--TEST--
In a loop: several servers, which go and come back, for clients and for a worker of all of them
--FILE--
<?php
require __DIR__ . '/loop.inc';

set_error_handler(fn(int $level, string $text) => true);
$f = unique_function_name();
$first = start_gearmand();
$second = start_gearmand();
$ports = [$first->port, $second->port];
$worker = loop_worker([$f => fn(GearmanJob $job) => $job->workload()], ...$ports);
$clients = [loop_client(...$ports), loop_client($second->port), loop_client($first->port)];
$done = $failed = [];
foreach ($clients as $i => $client) {
    $client->setCompleteCallback(function (GearmanTask $task) use (&$done) { $done[] = $task->data(); });
    $client->setFailCallback(function (GearmanTask $task, $workload) use (&$failed) { $failed[] = $workload; });
}
$all = [...$clients, $worker];
$n = 0;
$run = function (int $each) use ($clients, $all, $f, &$done, &$failed, &$n) {
    $done = $failed = $expected = [];
    foreach ($clients as $client) {
        for ($i = 0; $i < $each; $i++) {
            $client->addTask($f, (string) ++$n, (string) $n);
        }
    }
    loop($all, function () use (&$done, &$failed, $clients, $each) { return count($done) + count($failed) === $each * count($clients); });
    return [count(array_unique($done)), count($failed)];
};
show('both', ...$run(100));

// The first goes while tasks are under way: they end, each once, and what comes after goes to the second.
$never = unique_function_name('never');
$done = $failed = [];
foreach ($clients as $client) {
    $client->addTask($never, 'lost', 'lost');
}
settle($all);
$first->stop(SIGKILL);
loop($all, function () use (&$failed) { return count($failed) === 2; });
show('lost', ...$failed);
show('one', ...$run(10));

// It is back: the worker has found it, and so has the client that has no other.
$first = start_gearmand(port: $ports[0]);
loop($all, fn() => function_status($f, $ports[0])[2] === 1);
show('both again', ...$run(100));

// Both go and come back, while nothing is asked.
$first->stop(SIGKILL);
$second->stop(SIGKILL);
$turns = 0;
loop($all, function () use (&$turns) { return ++$turns > 6; });
[$first, $second] = array_map(fn($port) => start_gearmand(port: $port), $ports);
loop($all, fn() => function_status($f, $ports[0])[2] === 1 && function_status($f, $ports[1])[2] === 1);
show('after all', ...$run(20));
settle($all);
show('rest', turn($all, 0));
--EXPECT--
both: 300, 0
lost: 'lost', 'lost'
one: 20, 10
both again: 300, 0
after all: 60, 0
rest: 0
