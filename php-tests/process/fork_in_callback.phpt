--TEST--
A task callback that forks and returns in the child too: what was sent is the parent's, and the child goes on with connections of its own
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
// The child went on with its parent's connection: it waited for ever, took the parent's answers, and wrote requests whose answers the
// parent did not know.
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

[$open, $gated] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$reverse = serve(fn(GearmanJob $job) => strrev($job->workload()));
$gate = serve(function (GearmanJob $job) use ($gated) {
    fread($gated, 1); // the parent lets it go on when the child has ended
    return 'gated ' . $job->workload();
});
$top = getmypid();

/** To be called where both processes go on: the child at once, the parent when that has ended. 0 in the child. */
function forks(): int
{
    if (($child = pcntl_fork()) === 0) {
        pcntl_alarm(10); // should it wait for ever
        return 0;
    }
    wait_child($child, 60);
    return $child;
}

/** Shows what came of it in both processes; what the child says comes first. */
function both(string $name, callable $call): void
{
    global $top;
    [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    [$result, $warnings] = heard($call);
    $said = json_encode([$result, preg_replace('/:\d{4,}/', ':PORT', $warnings)], JSON_UNESCAPED_SLASHES);
    if (getmypid() !== $top) {
        fwrite($theirs, $said);
        posix_kill(getmypid(), SIGKILL);
    }
    fclose($theirs);
    echo "$name\n  child ", stream_get_contents($ours), "\n  parent $said\n";
}

/** Runs a task whose callback does $in_first, and tasks that are added meanwhile; then the same again. What came of it, and the results. */
$run = function (array $functions, callable $in_first): array {
    $client = client();
    $client->setTimeout(30_000);
    $got = [];
    $client->setCompleteCallback(function (GearmanTask $task) use ($client, $in_first, &$got) {
        $got[] = $task->data();
        return count($got) === 1 ? $in_first($client) : null;
    });
    foreach ($functions as $function) {
        $client->addTask($function, 'abc');
    }
    $came = [$client->runTasks(), code_of($client->returnCode()), $client->runTasks()];
    sort($got);
    return [...$came, ...$got];
};

both('something is under way', fn() => $run([$reverse, $gate], fn() => forks() && fwrite($open, '.')));

both('both add a task', fn() => $run([$reverse, $gate], function (GearmanClient $client) use ($reverse, $open) {
    $child = forks();
    $client->addTask($reverse, 'more');
    $child && fwrite($open, '.');
}));

both('nothing is under way', fn() => $run([$reverse], function (GearmanClient $client) use ($reverse) {
    forks();
    $client->addTask($reverse, 'more');
}));

both('in a nested runTasks()', fn() => $run([$reverse, $gate], function (GearmanClient $client) use ($reverse, $open) {
    $client->setCompleteCallback(function (GearmanTask $task) use ($open, &$forked) {
        if (!$forked) {
            $forked = true;
            forks() && fwrite($open, '.');
        }
    });
    $client->addTask($reverse, 'nested');
    $ran = $client->runTasks();
    show(getmypid() === $GLOBALS['top'] ? '  nested in the parent' : '  nested in the child', $ran);
}));

both('a fiber was suspended in the callback', function () use ($run, $reverse, $gate, $open) {
    $fiber = new Fiber(fn() => $run([$reverse, $gate], fn() => Fiber::suspend()));
    $fiber->start();
    forks() && fwrite($open, '.');
    $fiber->resume();
    return $fiber->getReturn();
});

// Nothing but a warning's handler: grabJob() goes on after it.
[$tell, $said] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server = fake_server(function (FakePeer $peer, int $n) use ($tell) {
    if (pcntl_fork() !== 0) {
        return;
    }
    $requests = [];
    while ($packet = $peer->read()) {
        $requests[] = $packet[0];
        $packet[0] === GEARMAN_COMMAND_CAN_DO && $n === 1 && $peer->res(GEARMAN_COMMAND_ERROR, 'PERMISSION_DENIED', 'no');
        $packet[0] === 39 && $peer->res(GEARMAN_COMMAND_NO_JOB);
    }
    fwrite($tell, "connection $n" . (in_array(39, $requests, true) ? ': asked for jobs' : '') . "\n");
    posix_kill(getmypid(), SIGKILL);
});
both("a warning's handler", function () use ($server) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $server->port, false);
    $worker->addFunction('f', fn() => null);
    set_error_handler(function (int $level, string $text) use (&$texts) {
        $texts[] = preg_replace('/.* refused: /', '', $text);
        count($texts) === 1 && forks();
        return true;
    });
    $got = $worker->grabJob();
    restore_error_handler();
    return [$got, $texts];
});
$lines = [fgets($said), fgets($said)];
sort($lines);
echo '  ', implode('  ', $lines);
?>
--EXPECT--
something is under way
  child [[false,"LOST_CONNECTION",true,"cba"],["GearmanClient::runTasks(): lost connection to the server: the connection belongs to the process that made it"]]
  parent [[true,"SUCCESS",true,"cba","gated abc"],[]]
both add a task
  child [[false,"LOST_CONNECTION",true,"cba","erom"],["GearmanClient::runTasks(): lost connection to the server: the connection belongs to the process that made it"]]
  parent [[true,"SUCCESS",true,"cba","erom","gated abc"],[]]
nothing is under way
  child [[true,"SUCCESS",true,"cba","erom"],[]]
  parent [[true,"SUCCESS",true,"cba","erom"],[]]
  nested in the child: false
  nested in the parent: true
in a nested runTasks()
  child [[true,"SUCCESS",true,"cba"],["GearmanClient::runTasks(): lost connection to the server: the connection belongs to the process that made it"]]
  parent [[true,"SUCCESS",true,"cba"],[]]
a fiber was suspended in the callback
  child [[false,"LOST_CONNECTION",true,"cba"],["GearmanClient::runTasks(): lost connection to the server: the connection belongs to the process that made it"]]
  parent [[true,"SUCCESS",true,"cba","gated abc"],[]]
a warning's handler
  child [[false,["no (PERMISSION_DENIED)","GearmanWorker::grabJob(): no jobs"]],[]]
  parent [[false,["no (PERMISSION_DENIED)","GearmanWorker::grabJob(): no jobs"]],[]]
  connection 1: asked for jobs
  connection 2: asked for jobs
