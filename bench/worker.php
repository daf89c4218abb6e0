<?php
// A worker that gives back what it got, until it is killed.
require __DIR__ . '/bench.inc';

$worker = on_server(new GearmanWorker());
$worker->addFunction('echo', fn (GearmanJob $job) => $job->workload());
while ($worker->work());
check(false, 'work(): ' . $worker->error());
