--TEST--
A handler that uses the very object that waits, and one that forks
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';

$function = unique_function_name();
$gate = unique_function_name('gate');
[$open, $gated] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$serving = array_map(fn () => spawn(function () use ($function, $gate, $gated) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn ($job) => strrev($job->workload()));
    $worker->addFunction($gate, function ($job) use ($gated) {
        fread($gated, 1); // the test lets it go on
        return 'gated ' . $job->workload();
    });
    while ($worker->work());
}), [1, 2]);

foreach ([true, false] as $async) {
    echo $async ? "asynchronous\n" : "by pcntl_signal_dispatch\n";
    pcntl_async_signals($async);
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $said = [];
    $client->setCompleteCallback(function (GearmanTask $task) use (&$said) {
        $said[] = $task->data();
    });

    // All it can do, while doNormal() and runTasks() wait on the same connection.
    pcntl_signal(SIGUSR1, function () use ($client, $function, $open, &$said) {
        $said[] = $client->doNormal($function, 'nested');
        $said[] = $client->ping('x') ? 'pong' : 'no pong';
        $said[] = substr($client->doBackground($function, 'x'), 0, 2);
        $client->addTask($function, 'task');
        $said[] = $client->runTasks() ? 'run' : 'not run';
        fwrite($open, '.');
    });
    $child = signal_when_asleep(SIGUSR1);
    echo '  ', $client->doNormal($gate, 'outer'), ', in the handler: ', implode(', ', $said), "\n";
    wait_child($child);

    pcntl_signal(SIGUSR1, function () use ($client, $function, $open, &$said) {
        $said[] = $client->doNormal($function, 'nested');
        $client->addTask($function, 'more');
        fwrite($open, '.');
    });
    $said = [];
    $client->addTask($gate, 'outer task');
    $child = signal_when_asleep(SIGUSR1);
    $result = $client->runTasks();
    sort($said); // what the handler added runs beside what it waited for, and either may end first
    echo '  ', var_export($result, true), ': ', implode(', ', $said), "\n";
    wait_child($child);

    // A worker that waits: the handler takes the job, then work() ends or finds none.
    $mine = unique_function_name();
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $did = [];
    $worker->addFunction($mine, function (GearmanJob $job) use (&$did) {
        $did[] = $job->workload();
    });
    pcntl_signal(SIGUSR1, function () use ($worker, $client, $mine, &$did) {
        $client->doBackground($mine, 'nested');
        $did[] = var_export($worker->work(), true);
        $did[] = $worker->ping('x') ? 'pong' : 'no pong';
        $client->doBackground($mine, 'outer');
    });
    $child = signal_when_asleep(SIGUSR1);
    $result = $worker->work();
    wait_child($child);
    pcntl_signal(SIGUSR1, SIG_DFL);
    while (count($did) < 4) {
        $worker->work();
    }
    echo '  work() ', var_export($result, true), ': ', implode(', ', $did), "\n";

    // A handler that throws away everything.
    $keep = (object) ['client' => new GearmanClient()];
    $keep->client->addServer(HOST, PORT);
    pcntl_signal(SIGUSR1, function () use ($keep, $open) {
        unset($keep->client);
        gc_collect_cycles();
        fwrite($open, '.');
    });
    $child = signal_when_asleep(SIGUSR1);
    echo '  ', $keep->client->doNormal($gate, 'unset'), ' ', isset($keep->client) ? 'kept' : 'let go', "\n";
    wait_child($child);

    // It forks: the answer is the parent's, and the child's call fails; both go on.
    foreach ([
        'doNormal' => fn ($c, $w) => $c->doNormal($gate, 'mine'),
        'runTasks' => fn ($c, $w) => $c->addTask($gate, 'mine') && $c->runTasks(),
    ] as $name => $call) {
        $top = getmypid();
        $forked = null;
        $client = new GearmanClient();
        $client->addServer(HOST, PORT);
        pcntl_signal(SIGUSR1, function () use (&$forked, $open, $top) {
            $forked = getmypid() === $top && $forked === null ? pcntl_fork() : $forked;
            $forked && fwrite($open, '.');
        });
        $child = signal_when_asleep(SIGUSR1);
        [$result, $warnings] = heard(fn () => $call($client, null));
        $use = fn () => $client->doNormal($function, 'abc') === 'cba';
        if (getmypid() !== $top) {
            $good = !$result && $client->returnCode() === GEARMAN_LOST_CONNECTION && count($warnings) === 1;
            $good = $use() && $use() && $good;
            $good || print "child: $result {$client->returnCode()} " . json_encode($warnings) . "\n";
            posix_kill(getmypid(), $good ? SIGKILL : SIGABRT);
        }
        wait_child($child);
        echo "  fork in $name: ", json_encode($result), json_encode($warnings), ', child ', wait_child($forked), ', ', json_encode($use()), "\n";
        pcntl_signal(SIGUSR1, SIG_DFL);
    }
}
array_map(fn ($pid) => stop_child($pid, SIGKILL), $serving);
?>
--EXPECT--
asynchronous
  gated outer, in the handler: detsen, pong, H:, ksat, run
  true: detsen, erom, gated outer task
  work() true: nested, true, pong, outer
  gated unset let go
  fork in doNormal: "gated mine"[], child -9, true
  fork in runTasks: true[], child -9, true
by pcntl_signal_dispatch
  gated outer, in the handler: detsen, pong, H:, ksat, run
  true: detsen, erom, gated outer task
  work() true: nested, true, pong, outer
  gated unset let go
  fork in doNormal: "gated mine"[], child -9, true
  fork in runTasks: true[], child -9, true
