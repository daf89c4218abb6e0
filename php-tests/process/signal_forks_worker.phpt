--TEST--
A handler that forks while a worker waits: the child leaves its parent's connections alone
--EXTENSIONS--
gearman
pcntl
posix
--INI--
memory_limit=512M
--FILE--
<?php
require __DIR__ . '/signals.inc';

/**
 * Forks in the handler during $call; the child tells what came of it in its process, and ends. The signal comes in the first wait, or
 * in the first after what $call is given was called.
 */
function forked(string $name, callable $call, callable $in_parent, bool $first = true): void
{
    $top = getmypid();
    $forked = null;
    [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    pcntl_signal(SIGUSR1, function () use (&$forked, $top, $in_parent, $ours) {
        if (getmypid() === $top && $forked === null) {
            $forked = pcntl_fork();
            if ($forked) {
                // The child has done what it does before the parent's call can end.
                $status = null;
                wait_until(fn () => pcntl_waitpid($forked, $status, WNOHANG) !== 0, 10, 'the child');
                $in_parent();
            } else {
                pcntl_alarm(5); // should it wait for ever
                pcntl_signal(SIGALRM, SIG_DFL);
            }
        }
    });
    $child = null;
    $signal = function () use (&$child) { $child = signal_when_asleep(SIGUSR1); };
    $first && $signal();
    [$result, $warnings] = heard(fn () => $call($signal));
    if (getmypid() !== $top) {
        fwrite($theirs, json_encode($result) . ' ' . preg_replace('/\d{4,}/', 'PORT', implode(' | ', $warnings)));
        posix_kill(getmypid(), SIGKILL);
    }
    wait_child($child);
    fclose($theirs);
    echo "$name: parent ", json_encode($result), json_encode($warnings), "\n", '  child ', ($said = stream_get_contents($ours)) === '' ? 'waits for ever' : 'ended', "\n";
    pcntl_signal(SIGUSR1, SIG_DFL);
}

pcntl_async_signals(true);
foreach (['work', 'wait'] as $method) {
    $function = unique_function_name();
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn () => 'x');
    forked($method, fn () => $worker->$method(), fn () => null);
    $client->doBackground($function, 'x');
    echo '  afterwards ', json_encode($worker->work() && $worker->ping('x')), ' ', json_encode(function_status($function)), "\n";
}

// The first connection is answered when the child has ended, others at once.
$serve = function (FakePeer $peer, int $n) use (&$tell, &$heard) {
    if (pcntl_fork() !== 0) {
        return;
    }
    while ($packet = $peer->read()) {
        if ($packet[0] === 39 || $packet[0] === GEARMAN_COMMAND_ECHO_REQ) {
            $n === 1 && fgets($heard);
            $packet[0] === 39 ? $peer->res(GEARMAN_COMMAND_NO_JOB) : $peer->res(GEARMAN_COMMAND_ECHO_RES, $packet[1]);
        }
    }
    posix_kill(getmypid(), SIGKILL);
};
foreach ([
    'ping' => fn ($worker) => $worker->ping('abc'),
    'grabJob' => fn ($worker) => $worker->grabJob() ?: 'no job',
] as $name => $call) {
    [$tell, $heard] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    $server = fake_server($serve);
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $server->port, false);
    $worker->addFunction('f', fn () => '');
    forked($name, fn () => $call($worker), fn () => fwrite($tell, "\n"));
    unset($worker);
}

// A result that is half written: the rest is written once.
$size = 16 << 20;
[$count, $counted] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server = fake_server(function (FakePeer $peer) use ($counted, $size) {
    $peer->until(39);
    $peer->res(40, 'H:big:1', 'f', 'key', '', 'x');
    fgets($counted); // the test lets it read
    $data = $peer->until(GEARMAN_COMMAND_WORK_COMPLETE);
    [$next, $text] = $peer->read();
    fwrite($counted, (strlen($data) - strlen("H:big:1\0")) . ' ' . md5(substr($data, strlen("H:big:1\0"))) . " $next\n");
    $peer->res(GEARMAN_COMMAND_ECHO_RES, $text);
});
$result = substr(str_repeat(random_bytes(1000), intdiv($size, 1000) + 1), 0, $size);
$worker = new GearmanWorker();
$worker->addServer(HOST, $server->port, false);
$worker->setTimeout(2000);
$top = getmypid();
forked('a large result', function (Closure $signal) use ($worker, $top, $result) {
    // Not while it waits for the job: then that would be left to the next work().
    $worker->addFunction('f', function () use ($signal, $result) { $signal(); return $result; });
    return $worker->work() && (getmypid() !== $top || $worker->setTimeout(20000) && $worker->ping('one packet more'));
}, fn () => fwrite($count, "\n"), first: false);
echo fgets($count) === $size . ' ' . md5($result) . ' ' . GEARMAN_COMMAND_ECHO_REQ . "\n" ? "written once\n" : "written otherwise\n";
?>
--EXPECT--
work: parent true[]
  child ended
  afterwards true [0,0,1]
wait: parent true[]
  child ended
  afterwards true [0,0,1]
ping: parent true[]
  child ended
grabJob: parent "no job"["GearmanWorker::grabJob(): no jobs"]
  child ended
a large result: parent true[]
  child ended
written once
