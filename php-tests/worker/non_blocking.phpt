--TEST--
A NON_BLOCKING worker: work() returns at once, wait() waits
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = unique_function_name();
$worker = worker([$function => function (GearmanJob $job) use (&$done) { $done[] = $job->workload(); }]);
$worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
$worker->setTimeout(10000);
$waits = fn() => in_array($worker->returnCode(), [GEARMAN_IO_WAIT, GEARMAN_NO_JOBS], true);
show('nothing to do', $worker->work(), $waits());
$client = client();
foreach (['one', 'two', 'three'] as $workload) {
    $client->doBackground($function, $workload);
}
$done = [];
while (count($done) < 3) {
    if ($worker->work()) {
        $worker->returnCode() === GEARMAN_SUCCESS || show('true', code($worker));
    } else {
        $waits() || show('false', code($worker));
        $worker->wait() || show('wait', code($worker));
    }
}
show('done', $done);

// wait() ends when a job comes, and by its timeout.
while (!$worker->work() && $worker->setTimeout(20) && $worker->wait());
show('timeout of wait()', $worker->wait(), code($worker));
$worker->setTimeout(10000);
$client->doBackground($function, 'four');
while (!$worker->work() && $worker->wait());
show('done', end($done));

// Once blocking again, work() waits.
$worker->removeOptions(GEARMAN_WORKER_NON_BLOCKING);
$worker->setTimeout(20);
show('blocking', $worker->work(), code($worker));
$worker->setTimeout(-1); // for the answer that there is none
show('grabJob', @$worker->grabJob(), code($worker));
--EXPECT--
nothing to do: false, true
done: ['one', 'two', 'three']
timeout of wait(): false, TIMEOUT
done: 'four'
blocking: false, TIMEOUT
grabJob: false, NO_JOBS
