--TEST--
Workers that leave work() all the time, by timeouts, signals and exceptions: every job is run once
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$name = unique_function_name();
$runs = tempnam(getenv('GEARMAN_TEST_DIR'), 'runs');
$workers = [];
foreach ([true, false, true] as $async) {
    $workers[] = spawn(function () use ($name, $runs, $async) {
        pcntl_async_signals($async);
        $throw = $inside = false;
        pcntl_signal(SIGUSR1, function () use (&$throw, &$inside) {
            if ($inside && ($throw = !$throw)) {
                throw new DomainException();
            }
        });
        $worker = worker([$name => function (GearmanJob $job) use ($runs) {
            file_put_contents($runs, $job->workload() . "\n", FILE_APPEND);
            return strrev($job->workload());
        }]);
        for (;;) {
            $worker->setTimeout(mt_rand(1, 3));
            try {
                $inside = true; // where an exception is caught
                @$worker->work();
                $inside = false;
            } catch (DomainException) {
                $inside = false; // In a function it failed its job, which is sent once more.
            }
        }
    }, clean: false);
}
wait_until(fn() => function_status($name)[2] === 3, 10, 'workers');
$shooter = spawn(function () use ($workers) {
    for (;;) {
        posix_kill($workers[array_rand($workers)], SIGUSR1);
        usleep(mt_rand(0, 3000));
    }
}, clean: false);

$client = client();
$good = 0;
$sent = [];
for ($i = 0; $good < 400; $i++) {
    usleep(mt_rand(0, 1500)); // in all phases of a worker's short wait
    $result = @$client->doNormal($name, "job $i");
    if ($client->returnCode() === GEARMAN_SUCCESS) {
        $good += $result === strrev("job $i");
        $sent[] = "job $i";
    }
}
stop_child($shooter, SIGKILL);
$counts = array_count_values(file($runs, FILE_IGNORE_NEW_LINES));
show('good results', $good, count($sent));
show('run more than once', array_filter($counts, fn(int $n) => $n > 1));
show('not run', array_diff($sent, array_keys($counts)));
show('left behind', wait_until(fn() => function_status($name)[0] === 0), function_status($name)[2]);
unlink($runs);
--EXPECT--
good results: 400, 400
run more than once: []
not run: []
left behind: true, 3
