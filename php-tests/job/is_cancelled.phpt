--TEST--
GearmanJob::isCancelled(): a running job learns of it; handlers that throw, forks, lost servers, nonsense
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

show('no job', (new GearmanJob())->isCancelled(), gearman_job_is_cancelled(new GearmanJob()));

/** Until it is cancelled; at most so many seconds. */
function until_cancelled(GearmanJob $job): bool
{
    return wait_until(fn() => $job->isCancelled());
}

$client = client();
$function = unique_function_name();
/** A child cancels the job that runs. */
$cancel = fn(string $handle) => spawn(fn() => client()->cancelJob($handle) ? 7 : 1);
$worker = worker([$function => function (GearmanJob $job) use ($cancel) {
    show('at first', $job->isCancelled(), $job->isCancelled());
    $child = $cancel($job->handle());
    show('then', until_cancelled($job), gearman_job_is_cancelled($job), wait_child($child));
    show('what it says', $job->sendStatus(1, 2), $job->sendData('x'));
    return 'for nobody';
}]);
$client->doBackground($function, 'x');
show('work', $worker->work(), code($worker));

echo "-- the next one, and one that is ended\n";
$worker->addFunction($function, function (GearmanJob $job) use ($cancel) {
    show('not cancelled', $job->isCancelled());
    $job->sendComplete('r');
    show('ended', $job->isCancelled());
});
$client->doBackground($function, 'x');
show('work', $worker->work(), code($worker));

echo "-- with jobs in advance, of which one is cancelled too\n";
ini_set('gearman.prefetch', '5');
$ahead = worker([$function => function (GearmanJob $job) use ($client, &$handles) {
    if ($job->workload() === '1') {
        // In this order: the notice of the second is there when that of the first is.
        show('cancel', $client->cancelJob($handles[1]), $client->cancelJob($handles[0]));
        until_cancelled($job);
    }
    show('ran', $job->workload());
}]);
$handles = array_map(fn($n) => $client->doBackground($function, "$n"), [1, 2, 3]);
$ahead->work();
$ahead->work();
show('left', wait_until(fn() => function_status($function)[0] === 0));
unset($ahead);

echo "-- signal handlers\n";
pcntl_async_signals(true);
pcntl_signal(SIGUSR1, fn() => throw new DomainException('in the handler'));
$asks = tempnam(sys_get_temp_dir(), 'asks');
$worker->addFunction($function, function (GearmanJob $job) use ($asks) {
    $parent = getmypid();
    $child = spawn(fn() => wait_until(fn() => !file_exists($asks)) && posix_kill($parent, SIGUSR1) ? 0 : 1);
    try {
        unlink($asks);
        until_cancelled($job);
    } catch (DomainException $e) {
        show(get_class($e), $e->getMessage());
    }
    show('afterwards', wait_child($child), $job->isCancelled());
    throw new DomainException('out of the loop');
});
$client->doBackground($function, 'x');
show('work', fn() => $worker->work());
pcntl_signal(SIGUSR1, SIG_DFL);

echo "-- a fork\n";
$worker->addFunction($function, function (GearmanJob $job) use ($cancel) {
    $child = spawn(fn() => $job->isCancelled() ? 1 : 7);
    show('in the child', wait_child($child));
    wait_child($cancel($job->handle()));
    $child = spawn(fn() => $job->isCancelled() ? 1 : 7);
    show('in the child', wait_child($child));
    show('in the parent', until_cancelled($job));
});
$client->doBackground($function, 'x');
show('work', $worker->work());

echo "-- servers that end, or say what makes no sense\n";
$notice = fn(string ...$arguments) => FakePeer::packet(200, ...$arguments);
$ends = [
    'closes' => '',
    'an answer to nothing' => FakePeer::packet(17, 'nobody asked'),
    'garbage' => 'garbage that is no packet',
    'half a packet' => substr($notice('H:x:1', 'cancelled', ''), 0, 20),
    'too few words' => FakePeer::packet(200, 'H:x:1'),
    'many others, NOOPs, and it' => str_repeat($notice('H:x:2', 'cancelled', '') . FakePeer::packet(6), 5000)
        . $notice('H:x:1', 'what', 'ever') . $notice('H:x:1', 'cancelled', 'twice') . $notice('H:x:1', 'cancelled', ''),
];
foreach ($ends as $what => $bytes) {
    $server = fake_server(function (FakePeer $peer) use ($bytes) {
        while ([$command, $body] = $peer->read()) {
            match ($command) {
                26 => $peer->res(27, $body),
                39 => $peer->res(31, 'H:x:1', 'f', 'u', 'w'),
                12 => $peer->send($bytes),
                default => null,
            };
            if ($command === 12 && !str_contains($bytes, "H:x:2")) {
                return;
            }
        }
    });
    $sees = worker(['f' => function (GearmanJob $job) use ($what) {
        $job->sendStatus(1, 2);
        // Until there is an end of it, one way or the other.
        $cancelled = wait_until(fn() => $job->isCancelled() ? 'cancelled' : (@$job->sendWarning('w') ? false : 'lost'));
        show($what, $cancelled);
        if ($cancelled === 'lost') {
            show('still', $job->isCancelled());
        }
    }], $server->port);
    show('work', @$sees->work(), code($sees));
}
--EXPECT--
no job: false, false
at first: false, false
then: true, true, 7
what it says: true, true
work: true, SUCCESS
-- the next one, and one that is ended
not cancelled: false
ended: false
work: true, SUCCESS
-- with jobs in advance, of which one is cancelled too
cancel: true, true
ran: '1'
ran: '3'
left: true
-- signal handlers
DomainException: 'in the handler'
afterwards: 0, false
work: DomainException: out of the loop
-- a fork
in the child: 7
in the child: 7
in the parent: true
work: true
-- servers that end, or say what makes no sense
closes: 'lost'
still: false
work: false, LOST_CONNECTION
an answer to nothing: 'lost'
still: false
work: false, LOST_CONNECTION
garbage: 'lost'
still: false
work: false, LOST_CONNECTION
half a packet: 'lost'
still: false
work: false, LOST_CONNECTION
too few words: 'lost'
still: false
work: false, LOST_CONNECTION
many others, NOOPs, and it: 'cancelled'
work: true, SUCCESS
