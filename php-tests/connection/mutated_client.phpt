--TEST--
Client and a server whose answers are changed at random: no call hangs, nothing leaks, and a good server is served afterwards
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/liar.inc';

$reverse = serve(fn ($job) => strrev($job->workload()));
exchanges(
    function (int $port) {
        $client = client($port);
        $client->setTimeout(50);
        foreach (['Created', 'Data', 'Warning', 'Status', 'Complete', 'Exception', 'Fail'] as $kind) {
            // A cycle, and all that a task can tell.
            $client->{"set{$kind}Callback"}(fn (GearmanTask $task) => [$client, $task->data(), $task->jobHandle(), $task->taskNumerator()][4] ?? null);
        }
        return $client;
    },
    fn (GearmanClient $client) => match (mt_rand(0, 6)) {
        0 => $client->doNormal('f', random_bytes(mt_rand(1, 100))),
        1 => $client->doBackground('f', 'x'),
        2 => $client->ping('x'),
        3 => $client->jobStatus('H:liar:1'),
        4 => $client->jobStatusByUniqueKey('unique'),
        default => [
            $client->addTask('f', 'one'), $client->addTask('f', 'two'), $client->addTaskBackground('f', 'three'),
            $client->addTaskStatus('H:liar:1'), $client->runTasks(),
        ],
    },
    function (GearmanClient $client) use ($reverse) {
        $client->setTimeout(10000);
        return $client->doNormal($reverse, 'good') === 'doog';
    },
    1,
);
?>
--EXPECT--
wrong:
descriptors more: 0
