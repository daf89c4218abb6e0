<?php

/**
 * worker.php PORT [ID]: the functions that client.php calls. Runs with our module and with pecl's.
 */

[, $port, $id] = $argv + [2 => ''];

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $port);
if ($id !== '') {
    $worker->setId($id);
}

$worker->addFunction('echo', fn(GearmanJob $job) => $job->workload());
$worker->addFunction('limited', fn(GearmanJob $job) => strrev($job->workload()), null, 10);

// What the job knows of itself.
$worker->addFunction('about', function (GearmanJob $job) {
    return json_encode([
        'function' => $job->functionName(),
        'unique' => $job->unique(),
        'handle' => $job->handle(),
        'size' => $job->workloadSize(),
    ]);
});
$worker->addFunction('context', fn(GearmanJob $job, $context) => "$context->said " . $job->workload(), (object) ['said' => 'hello']);

// Every kind of packet a worker can send about a job that goes well.
$worker->addFunction('story', function (GearmanJob $job) {
    $job->sendStatus(1, 3);
    $job->sendData('one');
    $job->sendData("t\0o");
    $job->sendWarning("care\0ful");
    $job->sendStatus(3, 3);
    return 'end';
});
$worker->addFunction('pieces', function (GearmanJob $job) {
    foreach (str_split($job->workload(), 300_000) as $piece) {
        $job->sendData($piece);
    }
});

// Every way to end badly.
$worker->addFunction('fail', function (GearmanJob $job) {
    $job->sendData('before');
    $job->sendFail();
});
$worker->addFunction('return_fail', fn(GearmanJob $job) => $job->setReturn(GEARMAN_WORK_FAIL));
$worker->addFunction('raise', fn(GearmanJob $job) => $job->sendException($job->workload()));
$worker->addFunction('throw', fn(GearmanJob $job) => throw new RuntimeException($job->workload()));

// Says how far it is, and works until the file appears. Writes its key into FILE.runs, a line each run.
$worker->addFunction('hold', function (GearmanJob $job) {
    $file = $job->workload();
    $job->sendStatus(3, 7);
    file_put_contents("$file.runs", $job->unique() . "\n", FILE_APPEND);
    for ($deadline = microtime(true) + 20; !file_exists($file); usleep(2000)) {
        if (microtime(true) > $deadline) {
            return 'waited in vain';
        }
        clearstatcache();
    }
    return 'held';
});

// Writes a line into a file: "FILE TEXT".
$worker->addFunction('note', function (GearmanJob $job) {
    [$file, $text] = explode(' ', $job->workload(), 2);
    file_put_contents($file, "$text\n", FILE_APPEND);
});

// From inside a job, with objects of its own: a ping, and another job.
$worker->addFunction('nested', function (GearmanJob $job) use ($port) {
    $other = new GearmanWorker();
    $other->addServer('127.0.0.1', (int) $port);
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', (int) $port);
    return json_encode([$other->ping("p\0ng"), $client->doNormal('shout', $job->workload())]);
});

while (true) {
    try {
        $worker->work();
    } catch (RuntimeException) {
        // "throw" threw it
    }
}
