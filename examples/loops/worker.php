<?php

/** A worker in a loop of stream_select(): it serves between other events, here a timer. */
$worker = new GearmanWorker();
$streams = $worker->getStreams(); // from now on nothing connects but poll()
$worker->addServers($argv[1] ?? '127.0.0.1:4730');
$worker->addFunction('reverse', function (GearmanJob $job): string {
    usleep(5000);
    return strrev($job->workload());
});

$next = microtime(true) + 10;
for (;;) {
    [$read, $write, $except] = [$streams, null, null];
    $left = max(0, $next - microtime(true));
    stream_select($read, $write, $except, (int) $left, (int) (fmod($left, 1) * 1e6));
    if ($read) {
        $worker->poll();
    }
    if (microtime(true) >= $next) {
        echo date('H:i:s'), " still here\n";
        $next += 10;
    }
}
