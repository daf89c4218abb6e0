--TEST--
In a loop: what a job's methods send, take in or lose has the worker called again
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
// Each left the worker's stream silent, though there was something to do: it was deaf until the function ended, or for good.
require __DIR__ . '/../fake_server.inc';
require __DIR__ . '/loop.inc';

/** A function that says which job came; with "first" it suspends until it is resumed with what it is to do. */
$function = function (GearmanJob $job) use (&$came) {
    $came[] = $job->workload();
    for ($do = $job->workload() === 'first' ? Fiber::suspend() : null; $do; $do = Fiber::suspend()) {
        $do($job);
    }
};
/** Runs poll() in a fiber, until one is suspended in the function. */
$first = function (GearmanWorker $worker) use (&$came): Fiber {
    $came = [];
    do {
        $fiber = new Fiber($worker->poll(...));
        turn([new class($worker, $fiber) {
            public function __construct(private GearmanWorker $worker, private Fiber $fiber)
            {
            }
            public function getStreams(): array
            {
                return $this->worker->getStreams();
            }
            public function poll(): void
            {
                $this->fiber->start();
            }
        }]);
    } while (!$fiber->isSuspended());
    return $fiber;
};
/** Waits until something has come, and leaves it there. */
$ready = function (GearmanWorker $worker): void {
    [$read, $none] = [$worker->getStreams(), []];
    stream_select($read, $none, $none, 10) === 1 || throw new RuntimeException('nothing came');
};
$comes = function (GearmanWorker $worker, string $what) use (&$came): void {
    loop([$worker], function () use (&$came) { return in_array('second', $came, true); });
    show($what, ...$came);
};

set_error_handler(fn() => true); // connections are lost here
$f = unique_function_name();
$client = client();
$worker = loop_worker([$f => $function]);
$client->doBackground($f, 'first');
$fiber = $first($worker);
settle([$worker]);
$client->doBackground($f, 'second');
// The word that wakes it is here, and isCancelled() takes it in.
$ready($worker);
$fiber->resume(fn(GearmanJob $job) => show('cancelled', $job->isCancelled()));
$comes($worker, 'isCancelled()');
$fiber->resume();

// The server takes whoever sends for awake, and wakes it no more.
[$tell, $told] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server = fake_server(function (FakePeer $peer) use ($tell) {
    $peer->until(39);
    $peer->res(40, 'H:1', 'f', '', '', 'by hand');
    $peer->until(39);
    $peer->res(GEARMAN_COMMAND_NO_JOB);
    $peer->until(GEARMAN_COMMAND_PRE_SLEEP);
    fwrite($tell, "asleep\n");
    $peer->until(GEARMAN_COMMAND_WORK_COMPLETE);
    $peer->until(39);
    $peer->res(40, 'H:2', 'f', '', '', 'second');
    $peer->wait();
});
$worker = loop_worker(['f' => $function], $server->port);
$came = [];
$job = $worker->grabJob();
stream_set_blocking($told, false);
wait_until(fn() => [settle([$worker]), fgets($told)][1]);
show('by hand', $job->workload(), $job->sendComplete(''));
$comes($worker, 'sendComplete()');

// The server closes a connection on which it has not read all, so that the next to be sent there fails.
[$tell, $told] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server = fake_server(function (FakePeer $peer, int $n) use ($told) {
    $peer->until(39);
    $peer->res(40, "H:$n", 'f', '', '', $n === 1 ? 'first' : 'second');
    $n === 1 ? fgets($told) : $peer->wait();
});
$worker = loop_worker(['f' => $function], $server->port);
$fiber = $first($worker);
$fiber->resume(fn(GearmanJob $job) => $job->sendData('not read'));
settle([$worker]);
fwrite($tell, "\n");
$ready($worker);
$fiber->resume(fn(GearmanJob $job) => show('lost', $job->sendData('x')));
$comes($worker, 'sendData()');
$fiber->resume();
--EXPECT--
cancelled: false
isCancelled(): 'first', 'second'
by hand: 'by hand', true
sendComplete(): 'second'
lost: false
sendData(): 'first', 'second'
