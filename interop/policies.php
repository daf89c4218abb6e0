<?php

/**
 * policies.php PORT FOLDER KIND: see policies.sh. Runs with our module and with pecl's.
 */

[, $port, $folder, $kind] = $argv;

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $port);
$tried = fn(string $name, callable $otherwise) => function (GearmanJob $job) use ($folder, $name, $otherwise) {
    file_put_contents("$folder/$name.tries", (int) (microtime(true) * 1000) . "\n", FILE_APPEND);
    clearstatcache();
    return file_exists("$folder/good") ? 'done' : $otherwise($job);
};
foreach (
    [
        'fail' => fn(GearmanJob $job) => $job->sendFail(),
        'throw' => fn(GearmanJob $job) => $job->sendException('no disk'),
    ] as $end => $otherwise
) {
    $worker->addFunction("{$kind}_$end", $tried("{$kind}_$end", $otherwise));
}
while (true) {
    // pecl's reports of a job that failed, ours of nothing.
    @$worker->work();
}
