<?php

declare(strict_types=1);

// A worker that gearman-runner keeps running: it ends after its job when it is asked to, and names itself, so that the runner learns
// from the server how many jobs it has done.

$worker = new GearmanWorker();
$worker->addServers(getenv('WORKER_SERVERS') ?: '127.0.0.1:4730');
$worker->setId(getenv('GEARMAN_RUNNER_ID') ?: 'reverse');
$worker->addFunction('reverse', fn (GearmanJob $job): string => strrev($job->workload()));

$stop = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop): void {
    $stop = true;
});

// With pecl's module a signal ends no wait; so none is long.
$worker->setTimeout(1000);
while (!$stop) {
    if (!@$worker->work() && $worker->returnCode() !== GEARMAN_TIMEOUT && !$stop) {
        fwrite(STDERR, $worker->error() . "\n");
        sleep(1);
    }
}
