<?php
// echo.php PORT: a worker.
$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $argv[1]);
$worker->addFunction('echo', fn (GearmanJob $job) => $job->workload());
while ($worker->work());
