--TEST--
A storm of signals does not lengthen a timeout, and the timeout's text tells the whole time
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';

$server = fake_server(fn (FakePeer $peer) => $peer->wait());
foreach ([true, false] as $async) {
    echo $async ? "asynchronous\n" : "by pcntl_signal_dispatch\n";
    pcntl_async_signals($async);
    $client = new GearmanClient();
    $client->addServer(HOST, $server->port, false);
    $client->setTimeout(1200);
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT, false);
    $worker->addFunction(unique_function_name(), fn () => '');
    $worker->setTimeout(400);
    foreach ([
        'doNormal' => [1.2, fn () => $client->doNormal('f', 'x')],
        'ping' => [0.3, fn () => $client->setTimeout(300) && $client->ping('x')],
        'work' => [0.4, function () use ($worker) {
            $begin = hrtime(true);
            // work() returns true for each signal; what is left of the time is not its business.
            while ($worker->work());
            return $worker->returnCode();
        }],
    ] as $name => [$seconds, $call]) {
        $runs = 0;
        foreach ([SIGUSR1, SIGALRM, SIGCHLD] as $signal) {
            pcntl_signal($signal, function () use (&$runs) {
                $runs++;
            });
        }
        $me = getmypid();
        if ($name !== 'work') {
            $child = spawn(function () use ($me) {
                while (true) {
                    posix_kill($me, [SIGUSR1, SIGALRM, SIGCHLD][mt_rand(0, 2)]);
                    usleep(500);
                }
            }, clean: false);
        } else {
            $child = signal_when_asleep(SIGUSR1, 2);
        }
        // Where each signal began the time anew, it would never end; a busy machine is late, too.
        $begin = hrtime(true);
        [$result, $warnings] = heard($call);
        $took = (hrtime(true) - $begin) / 1e9;
        $name === 'work' ? wait_child($child) : stop_child($child, SIGKILL);
        foreach ([SIGUSR1, SIGALRM, SIGCHLD] as $signal) {
            pcntl_signal($signal, SIG_DFL);
        }
        $told = preg_match('/ for (\d+) ms/', $warnings[0] ?? '', $match) ? (int) $match[1] >= $seconds * 1000 : null;
        printf(
            "  %s: %s, %s, %s, text: %s\n",
            $name,
            json_encode($result),
            $runs > 1 ? 'many signals' : "$runs signals",
            $took < $seconds ? "too soon: $took" : ($took < $seconds + 15 ? 'in time' : "late: $took"),
            json_encode($told),
        );
        printf("    %.3f s, %d signals\n", $took, $runs);
    }
}
?>
--EXPECTF--
asynchronous
  doNormal: "", many signals, in time, text: true
    %f s, %d signals
  ping: false, many signals, in time, text: true
    %f s, %d signals
  work: 47, many signals, in time, text: null
    %f s, %d signals
by pcntl_signal_dispatch
  doNormal: "", many signals, in time, text: true
    %f s, %d signals
  ping: false, many signals, in time, text: true
    %f s, %d signals
  work: 47, many signals, in time, text: null
    %f s, %d signals
