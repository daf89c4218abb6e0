<?php

/**
 * shout.php PORT [ANSWER]: a second worker. Answers with the workload in capitals, or always the same.
 */

[, $port, $answer] = $argv + [2 => null];

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $port);
$worker->addFunction('shout', fn(GearmanJob $job) => $answer ?? strtoupper($job->workload()));
while ($worker->work());
