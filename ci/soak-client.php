<?php
require __DIR__ . '/soak.inc';
[, $port, $jobs] = $argv;

/** What a job is to do, by its number: see soak-worker.php. One in 1,000 is a megabyte. */
function workload(int $n): string
{
    return match (true) {
        $n % 1000 === 7 => str_repeat('large', 1 << 18),
        $n % 50 === 3 => "throw $n",
        $n % 50 === 4 => "fail $n",
        $n % 50 === 5 => "status $n",
        default => "echo $n",
    };
}

$client = new GearmanClient();
$client->addServer('127.0.0.1', (int) $port);
$counts = ['complete' => 0, 'exception' => 0, 'fail' => 0, 'status' => 0, 'data' => 0, 'warning' => 0];
$client->setCompleteCallback(function (GearmanTask $task, string $workload) use (&$counts) {
    $task->data() === $workload || exit("another result than $workload\n");
    $counts['complete']++;
});
$client->setExceptionCallback(function (GearmanTask $task, string $workload) use (&$counts) {
    $task->data() === 'DomainException: on purpose' || exit("another exception of $workload\n");
    $counts['exception']++;
});
$client->setFailCallback(function () use (&$counts) { $counts['fail']++; });
$client->setStatusCallback(function () use (&$counts) { $counts['status']++; });
$client->setDataCallback(function () use (&$counts) { $counts['data']++; });
$client->setWarningCallback(function () use (&$counts) { $counts['warning']++; });

$before = $percent = 0;
for ($n = 0; $n < $jobs;) {
    // A hundred tasks, one result that is waited for, one that is not; and now and then a client of its own.
    for ($i = 0; $i < 98; $i++, $n++) {
        $client->addTask('soak', $workload = workload($n), $workload);
    }
    $client->runTasks() || exit("runTasks: {$client->error()}\n");
    $client->doNormal('soak', "do $n") === "do $n" || exit("doNormal: {$client->error()}\n");
    $client->doBackground('soak', "background $n") || exit("doBackground: {$client->error()}\n");
    $n += 2;
    if ($n % 10000 === 0) {
        $short = new GearmanClient();
        $short->addServer('127.0.0.1', (int) $port);
        $short->setCompleteCallback(fn () => $short); // a cycle
        $short->ping('x');
        unset($short);
        gc_collect_cycles(); // PHP does so by itself after 10,000 of them
    }
    if ($before === 0 && $n >= $jobs / 2) {
        $before = resident();
    }
    if (intdiv($n * 100, (int) $jobs) > $percent) {
        $percent = intdiv($n * 100, (int) $jobs);
        fprintf(STDERR, "\r%d%%", $percent);
    }
}
fprintf(STDERR, "\r");
echo 'client: ', json_encode($counts), "\n";
$tasks = intdiv((int) $jobs, 100) * 98;
$counts['complete'] + $counts['exception'] + $counts['fail'] === $tasks || exit("not every task has ended\n");
report('client', $before);
