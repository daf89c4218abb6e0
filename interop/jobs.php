<?php

/** jobs.php PORT submit|work|cancel ours|C FUNCTION: a part of jobs.sh. */

[, $port, $part, $server, $function] = $argv;

function check(string $name, mixed $wanted, mixed $got): void
{
    [$wanted, $got] = [json_encode($wanted), json_encode($got)];
    echo $wanted === $got ? "ok   $name\n" : "FAIL $name: wanted $wanted, got $got\n";
}

function client(string $port): GearmanClient
{
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', (int) $port);
    return $client;
}

if ($part === 'submit') {
    $client = client($port);
    $due = new DateTimeImmutable('+2 seconds');
    $handle = $client->doBackgroundAt($function, (string) $due->getTimestamp(), $due);
    $client->addTaskBackgroundAt($function, '1', new DateTimeImmutable('1 hour ago'));
    check('both are queued', [true, true], [$handle !== '', $client->runTasks()]);
    check('known and waiting', [true, false], array_slice($client->jobStatus($handle), 0, 2));
}

if ($part === 'work') {
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', (int) $port);
    $worker->setTimeout(5000);
    $early = $attempts = [];
    $worker->addFunction($function, function (GearmanJob $job) use (&$early, &$attempts) {
        $early[] = time() < (int) $job->workload();
        $attempts[] = method_exists($job, 'attempt') ? [$job->attempt(), $job->isCancelled()] : 'pecl';
    });
    check('the job of the past', [true, [false]], [$worker->work(), $early]);
    // C's server (seen: 1.1.20) wakes nobody when the time comes: it is asked once more.
    for ($deadline = time() + 20; count($early) < 2 && time() < $deadline;) {
        if ($server === 'C') {
            unset($again);
            usleep(100_000);
            $again = new GearmanWorker();
            $again->addServer('127.0.0.1', (int) $port);
            $again->register($function);
            if ($job = @$again->grabJob()) {
                $early[] = time() < (int) $job->workload();
                $attempts[] = $attempts[0];
                $job->sendComplete('');
            }
        } else {
            $worker->work();
        }
    }
    check('the other one when it was due', [false, false], $early);
    $told = method_exists('GearmanJob', 'attempt') ? [(int) ($server === 'ours'), false] : 'pecl';
    check('tries as the server tells them', [$told, $told], $attempts);
}

if ($part === 'cancel') {
    $client = client($port);
    $handle = $client->doBackground($function, 'x');
    check('a queued job is cancelled', [true, 0], [$client->cancelJob($handle), $client->returnCode()]);
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', (int) $port);
    $worker->register($function);
    check('and runs no more', [false, GEARMAN_NO_JOBS], [@$worker->grabJob(), $worker->returnCode()]);
    check('an unknown one', [false, 52, false], [$client->cancelJob('H:nobody:99'), $client->returnCode(), @$client->cancelJob('')]);
    if ($server === 'C') {
        foreach ([
            'cancel unique' => fn() => @$client->cancelJobByUniqueKey($function, 'key'),
            'job' => fn() => @$client->jobInfo($handle), 'result' => fn() => @$client->jobResult($handle),
        ] as $command => $ask) {
            check("it does not know $command", [false, 1], [$ask(), preg_match("/does not know .* \"$command\"/", $client->error())]);
        }
    }
}
