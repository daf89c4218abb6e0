<?php

declare(strict_types=1);

// Workers that write down which jobs they begin and end, and who submits those: runner.php work|submit PORT FILE [...].

[, $what, $port, $file] = $argv;

if ($what === 'submit') {
    [, , , , $from, $to] = $argv;
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', (int) $port);
    for ($n = (int) $from; $n < (int) $to; $n++) {
        $client->doBackground('work', (string) $n, "job-$n");
        if ($client->returnCode() !== GEARMAN_SUCCESS) {
            exit("job $n is not submitted: {$client->error()}\n");
        }
    }
    exit(0);
}

$note = fn (string $line) => file_put_contents($file, "$line\n", FILE_APPEND | LOCK_EX);
$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $port);
$worker->setId(getenv('GEARMAN_RUNNER_ID') ?: 'nobody');
$worker->addFunction('work', function (GearmanJob $job) use ($note): string {
    $note("begin {$job->workload()}");
    usleep((int) getenv('JOB_MICROSECONDS'));
    $note("end {$job->workload()}");
    return '';
});
$stop = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop): void {
    $stop = true;
});
$worker->setTimeout(200);
while (!$stop) {
    if (!@$worker->work() && !in_array($worker->returnCode(), [GEARMAN_TIMEOUT, GEARMAN_IO_WAIT, GEARMAN_NO_ACTIVE_FDS], true)) {
        usleep(50_000);
    }
}
