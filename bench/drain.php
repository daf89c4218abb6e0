<?php
// drain.php N: a worker that ends N queued jobs.
require __DIR__ . '/bench.inc';
[, $n] = array_map('intval', $argv);

$worker = on_server(new GearmanWorker());
$worker->addFunction('echo', function (GearmanJob $job) use (&$n) {
    $n--;
    return $job->workload();
});
timed(function () use ($worker, &$n) {
    while ($n > 0) {
        check($worker->work(), 'work(): ' . $worker->error());
    }
});
