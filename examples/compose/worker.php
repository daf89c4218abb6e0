<?php

/**
 * Reverses texts until SIGTERM. The environment variable SERVERS names the servers.
 */

$stop = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop): void {
    $stop = true;
});

$worker = new GearmanWorker();
// Connects later: a server may be away.
$worker->addServers((string) getenv('SERVERS'), false);
$worker->addFunction('reverse', fn (GearmanJob $job): string => strrev($job->workload()));
// The pause is for servers that are all away.
while (!$stop) {
    if (!@$worker->work() && !$stop) {
        usleep(100_000);
    }
}
