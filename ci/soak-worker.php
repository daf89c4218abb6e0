<?php
require __DIR__ . '/soak.inc';
[, $port, $jobs] = $argv;

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $port);
$done = $before = 0;
$worker->addFunction('soak', function (GearmanJob $job) use (&$done, &$before, $jobs) {
    if (++$done === intdiv((int) $jobs, 2)) {
        $before = resident();
    }
    switch ($job->workload()[0]) {
        case 't':
            throw new DomainException('on purpose');
        case 'f':
            $job->sendFail();
            return null;
        case 's':
            $job->sendStatus(1, 2);
            $job->sendData('part');
            $job->sendWarning('warning');
    }
    return $job->workload();
});
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop) { $stop = true; });
while (!$stop) {
    try {
        $worker->work();
    } catch (DomainException) {
    }
}
report('worker', $before);
