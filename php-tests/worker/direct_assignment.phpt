--TEST--
Direct assignment: the job comes to the sleeping worker, who does not leave work() without a word
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

const NAMES = [1 => 'CAN_DO', 4 => 'PRE_SLEEP', 9 => 'GRAB_JOB', 13 => 'WORK_COMPLETE', 16 => 'ECHO_REQ', 26 => 'OPTION_REQ', 39 => 'GRAB_JOB_ALL'];
$log = tempnam(getenv('GEARMAN_TEST_DIR'), 'direct');

/** Reads packets up to one of this kind, and notes them. */
function hear(FakePeer $peer, int $last): bool
{
    do {
        [$command, $body] = $peer->read() ?? [0, ''];
        $words = $command === 0 ? 'closed' : trim(NAMES[$command] . ' ' . ($command === 1 || $command === 16 ? '' : strtr($body, "\0", ' ')));
        file_put_contents($GLOBALS['log'], "$words, ", FILE_APPEND);
    } while ($command !== $last && $command !== 0);
    return $command === $last;
}

function assign(FakePeer $peer, int $n): string
{
    return FakePeer::packet(31, "H:x:$n", 'f', '', "job $n");
}

/** The first is answered, jobs are given in the sleep as the test wants them. */
function direct_server(callable $then): FakeServer
{
    return fake_server(function (FakePeer $peer) use ($then) {
        hear($peer, 39);
        $peer->send(FakePeer::packet(27, 'all-yours') . FakePeer::packet(10));
        hear($peer, 4);
        $then($peer);
    });
}

/** Sends a signal to a process that waits in the kernel, and not just for a moment. */
function strike(int $pid): void
{
    $status = fn() => preg_replace('/.*^State:\s+(\w).*^voluntary_ctxt_switches:\s+(\d+).*/ms', '$1 $2', file_get_contents("/proc/$pid/status"));
    wait_until(function () use ($status) {
        $before = $status();
        usleep(5000);
        return $before[0] === 'S' && $status() === $before;
    });
    posix_kill($pid, SIGUSR1);
}

function direct_worker(FakeServer $server): GearmanWorker
{
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $server->port, false);
    $worker->addFunction('f', function (GearmanJob $job) {
        show('ran', $job->workload());
        return 'r';
    });
    return $worker;
}

function heard_by_server(string $what): void
{
    echo "$what: ", rtrim(file_get_contents($GLOBALS['log']), ', '), "\n";
    file_put_contents($GLOBALS['log'], '');
}

$logged = fn(string $text) => wait_until(fn() => str_contains(file_get_contents($log), $text), 10, $text);

// In its sleep, at once, and when the time was over.
$server = direct_server(function (FakePeer $peer) {
    $peer->send(assign($peer, 1));
    hear($peer, 4);
    $peer->send(assign($peer, 2));
    hear($peer, 16);
    $peer->send(assign($peer, 3) . FakePeer::packet(17, 'awake'));
    hear($peer, 16);
    $peer->send(FakePeer::packet(17, 'awake'));
    hear($peer, 0);
});
$worker = direct_worker($server);
$worker->setTimeout(5000);
show('in its sleep', $worker->work(), $worker->work());
$worker->setTimeout(50);
show('at the end of the time', $worker->work(), code($worker));
show('nothing', @$worker->work(), code($worker));
unset($worker);
$logged('closed');
heard_by_server('heard');

// A signal: a job on its way is run by the same call, or by the next where the handler threw.
pcntl_async_signals(false);
$parent = getmypid();
$server = direct_server(function (FakePeer $peer) use ($parent) {
    foreach ([1, 2] as $n) {
        strike($parent);
        hear($peer, 16);
        $peer->send(assign($peer, $n) . FakePeer::packet(17, 'awake'));
        hear($peer, 4);
    }
    strike($parent);
    hear($peer, 16);
    $peer->send(FakePeer::packet(17, 'awake'));
    hear($peer, 0);
});
$handlers = [fn() => print("handler\n"), function () { throw new DomainException('thrown by the handler'); }, fn() => print("handler\n")];
pcntl_signal(SIGUSR1, function () use (&$handlers) {
    array_shift($handlers)();
});
$worker = direct_worker($server);
$worker->setTimeout(5000);
show('signal', $worker->work(), code($worker));
show('exception', fn() => $worker->work());
show('the next', $worker->work(), code($worker));
show('idle', $worker->work(), code($worker));
unset($worker);
$logged('closed');
heard_by_server('heard');

// It does not answer: the connection is closed. A job first, so that the short time begins when the server has answered the rest.
$server = direct_server(function (FakePeer $peer) {
    $peer->send(assign($peer, 1));
    hear($peer, 0);
});
$worker = direct_worker($server);
$worker->setTimeout(5000);
show('before', $worker->work());
$worker->setTimeout(50);
show('no answer', @$worker->work(), code($worker));
$logged('closed');
heard_by_server('heard');
unset($worker);

// Who must not be given jobs in this way.
$classic = fake_server(function (FakePeer $peer) {
    while (hear($peer, 39)) {
        $peer->res(10);
    }
});
foreach (['ini' => 0, 'NON_BLOCKING' => GEARMAN_WORKER_NON_BLOCKING, 'grabJob' => 0] as $what => $option) {
    ini_set('gearman.direct_assignment', $what === 'ini' ? '0' : '1');
    $worker = direct_worker($classic);
    $worker->addOptions($option);
    $worker->setTimeout(50);
    wait_until(function () use ($what, $worker, $log) {
        @($what === 'grabJob' ? $worker->grabJob() : $worker->work());
        return str_contains(file_get_contents($log), 'GRAB_JOB_ALL');
    });
    unset($worker);
    $logged('closed');
    show($what, str_contains(file_get_contents($log), 'all-yours'));
    file_put_contents($log, '');
}
unlink($log);
--EXPECT--
ran: 'job 1'
ran: 'job 2'
in its sleep: true, true
ran: 'job 3'
at the end of the time: true, SUCCESS
nothing: false, TIMEOUT
heard: OPTION_REQ attempts, OPTION_REQ cancel-notices, CAN_DO, OPTION_REQ all-yours, GRAB_JOB_ALL, PRE_SLEEP, WORK_COMPLETE H:x:1 r, PRE_SLEEP, WORK_COMPLETE H:x:2 r, PRE_SLEEP, ECHO_REQ, WORK_COMPLETE H:x:3 r, PRE_SLEEP, ECHO_REQ, closed
handler
ran: 'job 1'
signal: true, SUCCESS
exception: DomainException: thrown by the handler
ran: 'job 2'
the next: true, SUCCESS
handler
idle: true, SUCCESS
heard: OPTION_REQ attempts, OPTION_REQ cancel-notices, CAN_DO, OPTION_REQ all-yours, GRAB_JOB_ALL, PRE_SLEEP, ECHO_REQ, WORK_COMPLETE H:x:1 r, PRE_SLEEP, ECHO_REQ, WORK_COMPLETE H:x:2 r, PRE_SLEEP, ECHO_REQ, closed
ran: 'job 1'
before: true
no answer: false, TIMEOUT
heard: OPTION_REQ attempts, OPTION_REQ cancel-notices, CAN_DO, OPTION_REQ all-yours, GRAB_JOB_ALL, PRE_SLEEP, WORK_COMPLETE H:x:1 r, PRE_SLEEP, ECHO_REQ, closed
ini: false
NON_BLOCKING: false
grabJob: false
