--TEST--
In a loop: callbacks and functions that suspend their fibers, a worker with several jobs at once, and blocking calls in fibers
--FILE--
<?php
require __DIR__ . '/loop.inc';

/** Polls in a fiber of its own each time, as Revolt does: one that is suspended keeps no other from going on. */
function fiber_loop(array $endpoints, callable $until): void
{
    loop(array_map(fn($endpoint) => new InFibers($endpoint), $endpoints), $until);
}
final class InFibers
{
    public function __construct(private object $endpoint)
    {
    }
    public function getStreams(): array
    {
        return $this->endpoint->getStreams();
    }
    public function poll(): void
    {
        (new Fiber($this->endpoint->poll(...)))->start();
    }
}

$f = unique_function_name();
$suspended = $log = [];
$worker = loop_worker([$f => function (GearmanJob $job) use (&$suspended, &$log) {
    $log[] = 'begins ' . $job->workload();
    $suspended[$job->workload()] = Fiber::getCurrent();
    $job->sendStatus(1, 2);
    $more = Fiber::suspend();
    return $job->workload() . $more;
}]);
$client = loop_client();
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = 'done ' . $task->data(); });
$jobs = ['a', 'b', 'c'];
array_map(fn($job) => $client->addTask($f, $job), $jobs);
fiber_loop([$client, $worker], function () use (&$suspended) { return count($suspended) === 3; });
show('at once', ...$log);
$log = [];
foreach (['b', 'a', 'c'] as $job) {
    $suspended[$job]->resume('!');
    fiber_loop([$client, $worker], function () use (&$log, $job) { return end($log) === "done $job!"; });
}
show('in the order of their ends', ...$log);

// After that the worker still gets jobs.
$suspended = $log = [];
$client->addTask($f, 'd');
fiber_loop([$client, $worker], function () use (&$suspended) { return $suspended; });
$suspended['d']->resume();
fiber_loop([$client, $worker], function () use (&$log) { return in_array('done d', $log); });
show('then', ...$log);

// A callback of poll() suspends: other tasks go on, also by runTasks() and by another fiber's poll().
$serving = serve(fn(GearmanJob $job) => strrev($job->workload()));
$log = $fibers = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$log, &$fibers) {
    $log[] = 'called ' . $task->data();
    if ($task->data()[0] === 's') {
        $fibers[] = Fiber::getCurrent();
        $log[] = 'resumed with ' . Fiber::suspend() . ' ' . $task->data();
    }
});
foreach (['1s', '2s', 'x', 'y'] as $workload) {
    $client->addTask($serving, $workload);
}
$client->poll(); // they go out
wait_until(fn() => function_status($serving)[0] === 0); // all answers are there: the socket is silent when the first callback suspends
fiber_loop([$client], function () use (&$log) { return count($log) === 4; });
show('called', count($fibers), count(preg_grep('/^called/', $log)));
$client->addTask($serving, 'z');
show('runTasks', $client->runTasks(), end($log), $client->doNormal($serving, 'cba'));
$fibers[1]->resume('second');
$fibers[0]->resume('first');
show('resumed', ...array_slice($log, -2));
settle([$client]);
show('rest', turn([$client], 0), $client->poll());

// Fibers with blocking calls, on one client and on several: each gets its own.
$clients = [client(), client(), $client];
$client->clearCallbacks();
$client->setCompleteCallback(function (GearmanTask $task) { Fiber::getCurrent() && Fiber::suspend(); });
$results = [];
$fibers = [];
for ($i = 0; $i < 12; $i++) {
    $fibers[] = new Fiber(function () use ($i, $clients, $serving, $client, &$results) {
        for ($n = 0; $n < 3; $n++) {
            $results[$i][] = $clients[$i % 3]->doNormal($serving, "$n$i");
            Fiber::suspend();
            $client->addTask($serving, "task $n$i");
            $client->runTasks(); // its callbacks suspend
            $results[$i][] = code_of($client->returnCode());
        }
    });
}
array_walk($fibers, fn($fiber) => $fiber->start());
while ($going = array_filter($fibers, fn($fiber) => !$fiber->isTerminated())) {
    array_walk($going, fn($fiber) => $fiber->isTerminated() || $fiber->resume());
}
$good = 0;
foreach ($results as $i => $result) {
    foreach ([0, 1, 2] as $n) {
        $good += $result[2 * $n] === strrev("$n$i") && $result[2 * $n + 1] === 'SUCCESS' ? 1 : 0;
    }
}
show('fibers', $good);

// A fiber that never goes on: its job is another's, and the worker goes on.
$suspended = $log = [];
$client->clearCallbacks();
$client->doBackground($f, 'never');
fiber_loop([$worker], function () use (&$suspended) { return $suspended; });
$suspended = [];
gc_collect_cycles();
fiber_loop([$worker], function () use (&$suspended) { return $suspended; });
show('once more', ...$log);
$suspended['never']->resume();
fiber_loop([$worker], fn() => function_status($f)[0] === 0);
echo "done\n";
--EXPECT--
at once: 'begins a', 'begins b', 'begins c'
in the order of their ends: 'done b!', 'done a!', 'done c!'
then: 'begins d', 'done d'
called: 2, 4
runTasks: true, 'called z', 'abc'
resumed: 'resumed with second s2', 'resumed with first s1'
rest: 0, null
fibers: 36
once more: 'begins never', 'begins never'
done
