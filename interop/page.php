<?php

/**
 * A page for fpm.php, run by FPM. The query says what it does; it prints its process, what it has got, and
 * the connections that phpinfo() counts. Pages that end badly print nothing, or half of it.
 */

$port = (int) $_GET['port'];
$end = match ($_GET['end'] ?? '') {
    'memory' => fn () => str_repeat('x', 1 << 30),
    'time' => function () {
        set_time_limit(1);
        while (true);
    },
    'throw' => fn () => throw new DomainException('thrown'),
    'exit' => fn () => exit('exited'),
    'error' => fn () => eval('class A { const X = 1; const X = 2; }'),
    'wait' => fn () => sleep(60),
    default => null,
};

final class Guard
{
    public function __construct(private Closure $end)
    {
    }

    public function __destruct()
    {
        ($this->end)();
    }
}

function client(): GearmanClient
{
    global $port;
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', $port);
    $client->setTimeout(10_000);
    return $client;
}

/** [idle, reused, made] */
function kept(): array
{
    ob_start();
    (new ReflectionExtension('gearman'))->info();
    preg_match('/persistent connections\D+(\d+) idle, (\d+) reused, (\d+) made/', ob_get_clean(), $match);
    return array_map(intval(...), array_slice($match, 1));
}

/** What the page is for. Warnings count as failures. */
function work(GearmanClient $client): string
{
    $text = "request $_SERVER[REQUEST_TIME_FLOAT]";
    $got = $client->doNormal('reverse', $text);
    if ($got !== strrev($text)) {
        return 'doNormal() ' . $client->returnCode();
    }
    if (!$client->doBackground('reverse', $text)) {
        return 'doBackground() ' . $client->returnCode();
    }
    $results = [];
    $client->setCompleteCallback(function (GearmanTask $task) use (&$results) {
        $results[] = $task->data();
    });
    $client->addTask('reverse', 'ab');
    $client->addTask('reverse', 'cd');
    $done = $client->runTasks();
    sort($results);
    return $done && $results === ['ba', 'dc'] ? 'good' : 'runTasks() ' . $client->returnCode();
}

/** Ends in a task's callback, or when its context is let go. */
function callback(GearmanClient $client, Closure $end): void
{
    $destructor = $_GET['at'] === 'destructor';
    if (!$destructor) {
        $client->{"set$_GET[at]Callback"}($end);
    }
    $client->addTask('reverse', 'x', $destructor ? new Guard($end) : null);
    $client->addTask('reverse', 'y');
    $client->runTasks();
}

/** Ends in a worker's function, whose job was queued before; without an end, that job is done. */
function job(?Closure $end): void
{
    global $port;
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', $port);
    $worker->setTimeout(10_000);
    $worker->addFunction($_GET['function'], fn () => $end && $end());
    $worker->work() ?: throw new RuntimeException("work() {$worker->returnCode()}");
}

header('Content-Type: application/json');
try {
    $client = client();
    match ($_GET['at'] ?? '') {
        '' => null,
        'job' => job($end),
        'call' => $client->doNormal('nobody', 'x'), // waits for its timeout
        default => callback($client, $end),
    };
    $got = @work($client);
} catch (GearmanException $e) {
    $got = $e->getMessage();
}
echo json_encode([
    'process' => getmypid(), 'got' => $got, 'kept' => kept(), 'descriptors' => count(scandir('/proc/self/fd')),
]);
