<?php
/**
 * One side of interop/php.sh: peer.php worker PORT, or peer.php client PORT. Runs under our module and
 * under pecl's, so it keeps to what both can do. The client prints a line for each check.
 */
[, $role, $port] = $argv;
$role === 'worker' ? work((int) $port) : ask((int) $port);

function work(int $port): void
{
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', $port);
    $worker->addFunction('reverse', fn($job) => strrev($job->workload()));
    $worker->addFunction('echo', fn($job) => $job->workload());
    $worker->addFunction('fail', function ($job) { $job->sendFail(); });
    $worker->addFunction('raise', function ($job) { $job->sendException("it\0went wrong"); });
    $worker->addFunction('news', function ($job) {
        $job->sendStatus(1, 2);
        $job->sendData('part ');
        $job->sendWarning('careful');
        return 'end';
    });
    while ($worker->work());
}

function check(string $name, mixed $want, mixed $got): void
{
    $same = $want === $got;
    echo $same ? 'ok   ' : 'FAIL ', $name, $same ? '' : ': wanted ' . json_encode($want) . ', got ' . substr((string) json_encode($got), 0, 200), "\n";
}

function ask(int $port): void
{
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', $port);
    $client->setTimeout(20000);
    check('ping', true, $client->ping("a\0b"));
    foreach (['doNormal', 'doHigh', 'doLow'] as $method) {
        check($method, 'olleh', $client->$method('reverse', 'hello'));
    }
    $large = random_bytes(999_999) . "\0";
    check('1 MB with NUL bytes', md5($large), md5($client->doNormal('echo', $large)));
    check('a job that fails', ['', GEARMAN_WORK_FAIL], [$client->doNormal('fail', 'x'), $client->returnCode()]);
    check('a job that raises', ['', GEARMAN_WORK_EXCEPTION], [$client->doNormal('raise', 'x'), $client->returnCode()]);

    $handle = $client->doBackground('nobody', 'x', 'a key');
    check('background, queued', [true, false, 0, 0], $client->jobStatus($handle));
    check('the same key is the same job', $handle, $client->doBackground('nobody', 'y', 'a key'));
    check('an unknown handle', [false, false, 0, 0], $client->jobStatus('H:nowhere:1'));

    $heard = [];
    foreach (['Status', 'Data', 'Warning', 'Complete', 'Exception', 'Fail'] as $kind) {
        $client->{"set{$kind}Callback"}(function ($task) use (&$heard, $kind) {
            $heard[$task->unique()][] = $kind === 'Status' ? $task->taskNumerator() . '/' . $task->taskDenominator()
                : $kind . ' ' . $task->data();
            return GEARMAN_SUCCESS;
        });
    }
    $client->addTask('news', 'x', null, 'news');
    $client->addTask('raise', 'x', null, 'raise');
    $client->addTask('fail', 'x', null, 'fail');
    check('runTasks', true, $client->runTasks());
    check('news of a task', ['1/2', 'Data part ', 'Warning careful', 'Complete end'], $heard['news'] ?? null);
    check('exception of a task', ["Exception it\0went wrong"], $heard['raise'] ?? null);
    check('failure of a task', ['Fail '], $heard['fail'] ?? null);

    $many = 0;
    $client->setCompleteCallback(function ($task) use (&$many) { $many += $task->data() === strrev($task->unique()); return GEARMAN_SUCCESS; });
    for ($i = 0; $i < 500; $i++) {
        $client->addTask('reverse', "task $i", null, "task $i");
    }
    check('500 tasks', [true, 500], [$client->runTasks(), $many]);
}
