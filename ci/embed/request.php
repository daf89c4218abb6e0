<?php

/**
 * One request of embed.c's: a client and a worker in one thread, all the ways in which a script may end, and
 * "ok" when the answers were right.
 */
$good = true;
$expect = function (mixed $right, mixed $is) use (&$good): void {
    if ($is !== $right) {
        $good = false;
        file_put_contents('php://stderr', 'expected ' . var_export($right, true) . ', not ' . var_export($is, true) . "\n");
    }
};
// A closure that is declared again with each request, as all is here.
register_shutdown_function(function () use (&$good): void {
    echo $good ? 'ok' : 'wrong';
});

[$host, $port] = ['127.0.0.1', (int) getenv('GEARMAN_TEST_PORT')];
$function = 'embed_' . bin2hex(random_bytes(8));
$end = ['', 'exit', 'fatal', 'throw'][$request % 4];

$worker = new GearmanWorker();
$worker->addServer($host, $port);
$worker->setTimeout(10000);
$worker->addFunction($function, fn (GearmanJob $job, string $context) => $context . strrev($job->workload()), 'context ');
$worker->addFunction("{$function}_throws", fn () => throw new DomainException('on purpose'));

$client = new GearmanClient();
$client->addServer($host, $port);
$client->setFailCallback(fn () => $client->error()); // a cycle
$expect(true, $client->ping('x'));

$client->doBackground("{$function}_throws", 'x');
try {
    $worker->work();
    $expect('an exception', null);
} catch (DomainException $e) {
    $expect('on purpose', $e->getMessage());
}

// Client and worker take turns.
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$results = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$results): void {
    $results[] = md5($task->data());
});
$tasks = ['abc', str_repeat("\0x", 50000), '1'];
foreach ($tasks as $n => $workload) {
    $client->addTask($function, $workload, null, "$n");
}
while ($client->runTasks() && $client->returnCode() === GEARMAN_IO_WAIT) {
    $worker->setTimeout(20);
    @$worker->work();
}
$expected = array_map(fn (string $workload) => md5('context ' . strrev($workload)), $tasks);
sort($results);
sort($expected);
$expect($expected, $results);

if ($end !== '') {
    $worker->addFunction("{$function}_ends", match ($end) {
        'exit' => fn () => exit(0),
        'fatal' => fn () => eval('class A { const X = 1; const X = 2; }'), // a compile error jumps over our frames
        'throw' => fn () => throw new LogicException('nobody catches this'),
    });
    $client->doBackground("{$function}_ends", 'x');
    $worker->setTimeout(10000);
    error_reporting(0);
    $worker->work();
    $expect('the end', null);
}
