<?php
// tasks-background.php N: N addTaskBackground and one runTasks.
require __DIR__ . '/bench.inc';
[, $n] = array_map('intval', $argv);

$client = on_server(new GearmanClient());
timed(function () use ($client, $n) {
    for ($i = 0; $i < $n; $i++) {
        $client->addTaskBackground('echo', 'twelve bytes');
    }
    check($client->runTasks(), 'runTasks: ' . $client->error());
});
