<?php
// tasks.php N: N addTask and one runTasks.
require __DIR__ . '/bench.inc';
[, $n] = array_map('intval', $argv);

$client = on_server(new GearmanClient());
$completed = 0;
$client->setCompleteCallback(function (GearmanTask $task) use (&$completed) {
    $completed += $task->data() === 'twelve bytes';
});
timed(function () use ($client, $n) {
    for ($i = 0; $i < $n; $i++) {
        $client->addTask('echo', 'twelve bytes');
    }
    check($client->runTasks(), 'runTasks: ' . $client->error());
});
check($completed === $n, "$completed of $n tasks completed");
