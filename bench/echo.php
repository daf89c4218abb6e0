<?php
// echo.php PORT PORT: a worker of both servers.
$worker = new GearmanWorker();
array_map(fn (string $port) => $worker->addServer('127.0.0.1', (int) $port), array_slice($argv, 1));
$worker->addFunction('echo', fn (GearmanJob $job) => $job->workload());
while ($worker->work());
