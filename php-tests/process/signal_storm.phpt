--TEST--
A storm of signals does not extend a timeout, and the result of a job comes through it
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';

/**
 * Runs it while a child sends signals without pause; what it returned, its seconds and how often the
 * handler ran; in its 300th run it calls $later.
 */
function in_a_storm(callable $call, ?callable $later = null): array
{
    $runs = 0;
    pcntl_signal(SIGUSR1, function () use (&$runs, $later) { ++$runs === 300 && $later && $later(); });
    $me = getmypid();
    $child = spawn(function () use ($me) {
        while (posix_kill($me, SIGUSR1)) {
            usleep(500);
        }
    }, clean: false);
    try {
        // Time is counted once the storm is there.
        while ($runs < 10) {
            usleep(1000);
            pcntl_signal_dispatch();
        }
        $before = $runs;
        $begin = hrtime(true);
        [$result, $warnings] = heard($call);
        $seconds = (hrtime(true) - $begin) / 1e9;
        return [$result, $warnings, $seconds, $runs - $before];
    } finally {
        stop_child($child, SIGKILL);
        pcntl_signal(SIGUSR1, SIG_DFL);
    }
}

const LIMIT = 600; // ms
foreach ([true, false] as $async) {
    echo $async ? "asynchronous\n" : "by pcntl_signal_dispatch\n";
    pcntl_async_signals($async);
    foreach ([
        'runTasks' => fn ($c, $w) => $c->addTask(unique_function_name(), 'x') && $c->runTasks(),
        'grabJob' => fn ($c, $w) => $w->grabJob(),
    ] as $name => $call) {
        // A server that never answers, so that nothing but the timeout ends it.
        $server = fake_server(fn (FakePeer $peer) => $peer->wait());
        $client = new GearmanClient();
        $worker = new GearmanWorker();
        $object = $name === 'grabJob' ? $worker : $client;
        $object->addServer(HOST, $server->port, false);
        $object->setTimeout(LIMIT);
        $worker->addFunction('f', fn () => '');
        [$result, $warnings, $seconds, $runs] = in_a_storm(fn () => $call($client, $worker));
        $good = $object->returnCode() === GEARMAN_TIMEOUT && $seconds > 0.95 * LIMIT / 1e3 && $seconds < LIMIT / 1e3 + 3;
        echo "  $name: ", $good ? 'in time' : "code {$object->returnCode()} after $seconds s", $runs > 10 ? ', in a storm' : ", $runs signals", "\n";
    }
    // The next thing to hear of is a result.
    [$server, $tell] = silent_server();
    $client = new GearmanClient();
    $client->addServer(HOST, $server->port, false);
    [$result, $warnings, , $runs] = in_a_storm(fn () => $client->doNormal('f', 'abc'), fn () => fwrite($tell, "\n"));
    echo "  result: $result, code {$client->returnCode()}, ", count($warnings), ' warnings', $runs > 10 ? ', in a storm' : ", $runs signals", "\n";
}
?>
--EXPECT--
asynchronous
  runTasks: in time, in a storm
  grabJob: in time, in a storm
  result: cba, code 0, 0 warnings, in a storm
by pcntl_signal_dispatch
  runTasks: in time, in a storm
  grabJob: in time, in a storm
  result: cba, code 0, 0 warnings, in a storm
