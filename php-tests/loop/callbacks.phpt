--TEST--
In a loop: callbacks and functions that throw, poll again, run tasks, wait, or let go of the object; what is left is done in the next turn
--FILE--
<?php
require __DIR__ . '/loop.inc';

$f = unique_function_name();
$thrown = 0;
$worker = loop_worker([$f => function (GearmanJob $job) {
    if ($job->workload() === 'throws') {
        throw new DomainException('of the function');
    }
    return strrev($job->workload());
}]);
$client = loop_client();
$log = [];
$loop = function (callable $until) use (&$client, $worker, &$log) {
    loop([$client, $worker], function () use ($until, &$log) { return $until($log); });
};

// One of three throws: the others come.
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) {
    $log[] = $task->data();
    count($log) === 1 && throw new LogicException('of the callback');
});
foreach (['a', 'b', 'c'] as $workload) {
    $client->addTask($f, $workload);
}
for ($i = 0; $i < 2; $i++) {
    try {
        $loop(fn($log) => count($log) === 3);
    } catch (LogicException $e) {
        echo 'thrown: ', $e->getMessage(), ', after ', json_encode($log), "\n";
    }
}
show('all', ...$log);

// A function that throws: it comes out of poll(), and the worker goes on.
$log = [];
$client->setExceptionCallback(function (GearmanTask $task) use (&$log) { $log[] = $task->data(); });
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = $task->data(); });
$client->setFailCallback(function (GearmanTask $task) use (&$log) { $log[] = 'fail'; });
$client->addTask($f, 'throws');
$client->addTask($f, 'd');
for ($i = 0; $i < 2; $i++) {
    try {
        $loop(fn($log) => count($log) === 2);
    } catch (DomainException $e) {
        echo 'thrown: ', $e->getMessage(), "\n";
    }
}
sort($log);
show('all', ...$log);

// poll() in a callback does what is left; so does runTasks(); and other calls wait in it.
$serving = serve(strrev(...) === null ? fn() => null : fn(GearmanJob $job) => strrev($job->workload()));
$log = [];
$client->setCompleteCallback(function (GearmanTask $task) use ($client, $serving, &$log) {
    $log[] = $task->data();
    match ($task->data()) {
        '1' => $client->poll(),
        '3' => $client->runTasks(),
        '4' => $log[] = $client->doNormal($serving, 'cba'),
        default => null,
    };
});
for ($i = 1; $i < 6; $i++) {
    $client->addTask($serving, (string) $i);
}
$loop(fn($log) => count($log) === 6);
sort($log);
show('all', ...$log);
settle([$client]);
show('rest', turn([$client], 0));

// Blocking calls between turns leave what came to the next turn.
$log = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = $task->data(); });
$client->addTask($serving, 'one');
settle([$client]);
show('blocking', $client->doNormal($serving, 'two'), $client->returnCode());
$loop(fn($log) => $log);
show('then', ...$log);
$client->addTask($serving, 'three');
show('runTasks', $client->runTasks(), ...$log);

// The object goes in its own callback; a loop that still watches its stream is told nothing.
$gone = false;
$client->setCompleteCallback(function () use (&$client, &$gone) { $client = null; $gone = true; });
$client->addTask($serving, 'last');
$stream = $client->getStreams();
while (!$gone) {
    $read = $stream;
    $write = $except = null;
    stream_select($read, $write, $except, 10);
    $client->poll();
}
[$read, $write, $except] = [$stream, null, null];
show('gone', stream_select($read, $write, $except, 0));

// exit() in a callback ends the program.
$client = loop_client();
$client->setCompleteCallback(function () { exit("exit\n"); });
$client->addTask($serving, 'x');
$loop(fn() => false);
--EXPECT--
thrown: of the callback, after ["a"]
all: 'a', 'b', 'c'
thrown: of the function
all: 'DomainException: of the function', 'd'
all: '1', '2', '3', '4', '5', 'abc'
rest: 0
blocking: 'owt', 0
then: 'eno'
runTasks: true, 'eno', 'eerht'
gone: 0
exit
