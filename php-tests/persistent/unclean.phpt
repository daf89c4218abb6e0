--TEST--
gearman.persistent=1: a connection on which something is not over is closed with its client
--INI--
gearman.persistent=1
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/persistent.inc';

$server = start_gearmand();
$port = $server->port;
// How many are given back when the callable, called with a client, ends; the server sees the others closed.
$try = function (string $what, callable $use, ?int $at = null) use ($port) {
    $client = client($at ?? $port);
    $others = kept()[0];
    try {
        $outcome = @$use($client);
    } catch (Throwable $e) {
        $outcome = new Code(get_class($e));
    }
    unset($client, $e); // the exception holds the arguments of its calls
    gc_collect_cycles();
    show($what, $outcome, new Code(kept()[0] > $others ? 'kept' : 'closed'));
    $at ?? wait_until(fn () => count(connections($port)) === kept()[0]);
    $last = client($at ?? $port);
    $at ?? $last->ping('good');
    $at ?? $last->doBackground('nothing', 'x') ?: throw new Exception('the next client fails');
};
$code = fn (GearmanClient $client) => new Code(code_of($client->returnCode()));

$try('a job that nobody takes', function ($client) use ($code) {
    $client->setTimeout(20);
    $client->doNormal('nobody', 'x');
    return $code($client);
});
$try('the same in the background', fn ($client) => $client->doBackground('nobody', 'x'));
$try('tasks that wait for a worker', function ($client) use ($code) {
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
    $client->addTask('nobody', 'x');
    $client->runTasks();
    return $code($client);
});
$try('a task that was never sent', fn ($client) => $client->addTask('nobody', 'x'));
$try('a callback that throws before the job ends', function ($client) {
    $client->setCreatedCallback(fn () => throw new DomainException());
    $client->addTask('nobody', 'x');
    $client->runTasks();
});
$try('a callback that throws when all is over', function ($client) {
    $client->setStatusCallback(fn () => throw new DomainException());
    $client->addTaskStatus('H:none:1');
    $client->runTasks();
});

// Servers that misbehave: on the next connection they are good.
$answers = [
    'no answer' => '',
    'half an answer' => substr(FakePeer::packet(GEARMAN_COMMAND_JOB_CREATED, 'H:x:1'), 0, 7),
    'another answer' => FakePeer::packet(GEARMAN_COMMAND_ECHO_RES, 'x'),
    'no packet' => str_repeat('x', 20),
    'ERROR' => FakePeer::packet(GEARMAN_COMMAND_ERROR, 'queue_full', 'text'),
    'two answers' => str_repeat(FakePeer::packet(GEARMAN_COMMAND_JOB_CREATED, 'H:x:1'), 2),
];
foreach ($answers as $what => $answer) {
    $fake = fake_server(function (FakePeer $peer) use ($answer) {
        while ($peer->until(GEARMAN_COMMAND_SUBMIT_JOB_BG) !== null) {
            $peer->send($answer);
        }
    });
    $try($what, function ($client) use ($code, $what) {
        $client->setTimeout(in_array($what, ['no answer', 'half an answer']) ? 50 : 10000);
        $client->doBackground('f', 'x');
        return $code($client);
    }, $fake->port);
}
--EXPECT--
a job that nobody takes: TIMEOUT, closed
the same in the background: a handle, kept
tasks that wait for a worker: IO_WAIT, closed
a task that was never sent: a GearmanTask, kept
a callback that throws before the job ends: DomainException, closed
a callback that throws when all is over: DomainException, kept
no answer: TIMEOUT, closed
half an answer: TIMEOUT, closed
another answer: UNEXPECTED_PACKET, closed
no packet: INVALID_MAGIC, closed
ERROR: SERVER_ERROR, kept
two answers: SUCCESS, closed
