--TEST--
TLS and a worker: reconnecting after the server's restart, functions that fork, prefetch, grabJob(), NON_BLOCKING, a client within a function
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$server = tls_server($ca->issue());
$client = tls_client($server, $ca->file);

foreach ([[0, '1'], [10, '1'], [0, '0'], [3, '0']] as [$prefetch, $direct]) {
    ini_set('gearman.prefetch', (string) $prefetch);
    ini_set('gearman.direct_assignment', $direct);
    $function = unique_function_name();
    $child = spawn(function () use ($server, $ca, $function) {
        $worker = tls_worker($server, $ca->file, [$function => fn (GearmanJob $job) => strrev($job->workload())]);
        $worker->setTimeout(10_000);
        while (@$worker->work());
    }, clean: false);
    $good = 0;
    for ($i = 0; $i < 30; $i++) {
        $good += $client->doNormal($function, "job $i") === strrev("job $i") ? 1 : 0;
    }
    $client->setCompleteCallback(function (GearmanTask $task) use (&$good) {
        $good += $task->data() === strrev($task->unique()) ? 1 : 0;
    });
    for ($i = 0; $i < 30; $i++) {
        $client->addTask($function, "task $i", null, "task $i");
    }
    $client->runTasks();
    $client->clearCallbacks();
    show("prefetch $prefetch, direct assignment $direct", $good);
    stop_child($child, SIGKILL);
}
ini_restore('gearman.prefetch');
ini_restore('gearman.direct_assignment');

$function = unique_function_name();
$worker = tls_worker($server, $ca->file, [$function => fn (GearmanJob $job) => $job->workload()]);
$client->doBackground($function, 'grabbed');
$job = $worker->grabJob();
show('grabJob()', $job->workload(), $job->sendComplete('done'));
$worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
$client->doBackground($function, 'x');
for ($n = 0; !@$worker->work() && $n < 1000; $n++) {
    @$worker->wait();
}
show('NON_BLOCKING', code($worker));
$worker->removeOptions(GEARMAN_WORKER_NON_BLOCKING);

// A function that uses a client and makes another worker, and one that forks.
$inner = unique_function_name();
spawn(function () use ($server, $ca, $inner) {
    $worker = tls_worker($server, $ca->file, [$inner => fn (GearmanJob $job) => strtoupper($job->workload())]);
    while (@$worker->work());
}, clean: false);
$outer = unique_function_name();
$worker = tls_worker($server, $ca->file, [$outer => function (GearmanJob $job) use ($server, $ca, $inner) {
    static $kept;
    $kept ??= tls_client($server, $ca->file);
    $job->sendData($kept->doNormal($inner, $job->workload()));
    $child = spawn(fn () => tls_client($server, $ca->file)->ping('x') && !@$job->sendData('of the child') ? 7 : 1);
    return ' ' . wait_child($child);
}]);
$tester = spawn(function () use ($server, $ca, $outer) {
    $client = tls_client($server, $ca->file);
    show('a function that uses a client, and forks', $client->doNormal($outer, 'abc'), $client->doNormal($outer, 'def'));
});
show('worked', $worker->work(), $worker->work(), wait_child($tester));
unset($worker);

// The server is replaced by one with another certificate, then by one that is not to be trusted.
$function = unique_function_name();
$log = tls_folder() . '/log';
file_put_contents($log, '');
spawn(function () use ($server, $ca, $function, $log) {
    $worker = tls_worker($server, $ca->file, [$function => fn (GearmanJob $job) => file_put_contents($log, $job->workload(), FILE_APPEND)]);
    while (true) {
        @$worker->work() || file_put_contents("$log.failed", $worker->error());
    }
}, clean: false);
$client->doBackground($function, '1');
wait_until(fn () => file_get_contents($log) === '1');
[$port, $tls] = [$server->port, $server->tls];
foreach (['2' => $ca, '3' => new Authority('Stranger'), '4' => $ca] as $text => $authority) {
    $server->stop();
    $new = $authority->issue();
    $server = start_gearmand(['-L', 'tls://' . HOST . ":$tls", '--ssl-certificate', $new->file, '--ssl-key', $new->key, '--ssl-verify', 'none'], $port);
    client($port)->doBackground($function, (string) $text);
    if ($text === 3) {
        wait_until(fn () => str_contains(@file_get_contents("$log.failed"), 'signed by no CA'), 10, 'the worker to refuse');
        show('a stranger has no worker', function_status($function, $port));
    } else {
        wait_until(fn () => function_status($function, $port)[0] === 0);
    }
}
show('done', file_get_contents($log));
--EXPECT--
prefetch 0, direct assignment 1: 60
prefetch 10, direct assignment 1: 60
prefetch 0, direct assignment 0: 60
prefetch 3, direct assignment 0: 60
grabJob(): 'grabbed', true
NON_BLOCKING: SUCCESS
a function that uses a client, and forks: 'ABC 7', 'DEF 7'
worked: true, true, 0
a stranger has no worker: [1, 0, 0]
done: '124'
