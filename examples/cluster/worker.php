<?php

/**
 * Does the jobs of client.php, and notes each in a file.
 *
 *     php examples/cluster/worker.php SERVERS FILE
 */

[, $servers, $file] = $argv;

$worker = new GearmanWorker();
// Connects later: a server may be away.
$worker->addServers($servers, false);
$worker->addFunction('picture', function (GearmanJob $job) use ($file) {
    usleep(20_000);
    file_put_contents($file, "{$job->workload()}\n", FILE_APPEND | LOCK_EX);
});
while (true) {
    if (!@$worker->work()) {
        usleep(100_000);
    }
}
