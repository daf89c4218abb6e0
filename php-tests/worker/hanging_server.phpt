--TEST--
A server that does not answer keeps no jobs of others from a worker, whichever way it asks for them; its own come when it answers again
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../loop/loop.inc';

$hangs = start_gearmand();
$function = unique_function_name();
client($hangs->port)->doBackground($function, 'of the first');
posix_kill($hangs->pid, SIGSTOP);
wait_until(fn() => str_contains(file_get_contents("/proc/$hangs->pid/stat"), ') T '));

/** A worker of both. */
function of_both(callable $run, int $options = 0): GearmanWorker
{
    global $hangs, $function;
    $worker = new GearmanWorker();
    $worker->addOptions($options);
    $worker->addServers(HOST . ":$hangs->port," . HOST . ':' . PORT);
    $worker->addFunction($function, $run);
    return $worker;
}

$done = [];
$run = function (GearmanJob $job) use (&$done) { $done[] = $job->workload(); };
$ways = [
    'work' => function () use ($run) { of_both($run)->work(); },
    'work, not blocking' => function () use ($run, &$done) {
        $worker = of_both($run, GEARMAN_WORKER_NON_BLOCKING);
        while (!$done) {
            @$worker->work();
            $done || @$worker->wait();
        }
    },
    'wait' => function () use ($run) {
        $worker = of_both($run);
        $worker->wait();
        $worker->work();
    },
    'grabJob' => function () use ($run, &$done) {
        $worker = of_both($run);
        $job = $worker->grabJob();
        $done[] = $job->workload();
        $job->sendComplete('');
    },
    'a loop' => function () use ($run, &$done) {
        loop([of_both($run)], function () use (&$done) { return $done; });
    },
];
foreach ($ways as $way => $get) {
    client()->doBackground($function, $way);
    $get();
    echo implode($done), "\n";
    $done = [];
}

// Nobody has a job.
$worker = of_both($run);
show('grabJob', @$worker->grabJob(), code($worker));
$worker->setTimeout(100);
show('work', @$worker->work(), code($worker));
posix_kill($hangs->pid, SIGCONT);
$worker->setTimeout(-1);
show('work', $worker->work(), code($worker));
echo implode($done), "\n";
?>
--EXPECT--
work
work, not blocking
wait
grabJob
a loop
grabJob: false, NO_JOBS
work: false, TIMEOUT
work: true, SUCCESS
of the first
