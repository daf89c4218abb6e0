--TEST--
Destructors that throw, or use the object that is letting them go, between the events of runTasks() and work()
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';

ini_set('zend.exception_ignore_args', '1'); // or an exception keeps what its functions were given

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

$function = unique_function_name();
$serving = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn ($job) => strrev($job->workload()));
    while ($worker->work());
});
$client = new GearmanClient();
$client->addServer(HOST, PORT);
$show = function (callable $call) {
    try {
        return json_encode($call());
    } catch (Exception $e) {
        return get_class($e) . ': ' . $e->getMessage() . ($e->getPrevious() ? ' after ' . $e->getPrevious()->getMessage() : '');
    }
};

// The context of the first task throws when it is let go: no other event is lost by that.
$done = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$done) {
    $done[] = $task->data();
});
$client->addTask($function, 'one', new Guard(fn () => throw new DomainException('let go')));
$client->addTask($function, 'two');
$client->addTask($function, 'three');
// At most two more runs, where its events came one by one.
for ($run = 1; $run <= 3 && count($done) < 3; $run++) {
    echo $show(fn () => $client->runTasks()), "\n";
}
sort($done);
echo implode(' ', $done), "\n";

// It uses the client: runs the others itself.
$done = [];
$client->addTask($function, 'one', new Guard(function () use ($client, $function, &$done) {
    $done[] = $client->doNormal($function, 'nested');
    $client->addTask($function, 'added');
    $done[] = json_encode($client->runTasks());
}));
$client->addTask($function, 'two');
echo $show(fn () => $client->runTasks());
sort($done);
echo ' ', implode(' ', $done), "\n";

// Thrown by the callback and by what it lets go.
$client->setCompleteCallback(fn (GearmanTask $task) => throw new LogicException('callback'));
$client->addTask($function, 'one', new Guard(fn () => throw new DomainException('let go')));
echo $show(fn () => $client->runTasks()), "\n";
echo $show(fn () => $client->runTasks()), "\n";

// A callback that is replaced, cleared, let go with its client.
$client->setCompleteCallback([new class (new Guard(fn () => throw new DomainException('replaced'))) {
    public function __construct(private Guard $guard)
    {
    }

    public function call(): void
    {
    }
}, 'call']);
echo $show(fn () => $client->setCompleteCallback('is_object')), "\n";
$guard = new Guard(fn () => throw new DomainException('cleared'));
$client->setFailCallback(function () use ($guard) {
});
unset($guard);
echo $show(fn () => $client->clearCallbacks()), "\n";
echo $client->doNormal($function, 'abc'), "\n";

// Worker: the function, its context and its result are let go by the function itself, or after it.
$mine = unique_function_name('mine');
$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$ended = [];
foreach ([
    'context' => fn ($guard) => $worker->addFunction($mine, fn () => $worker->unregister($mine) ? 'gone' : 'not gone', $guard),
    'function' => function ($guard) use ($worker, $mine) {
        $function = new class ($guard, $worker, $mine) {
            public function __construct(private $guard, private $worker, private $name)
            {
            }

            public function __invoke()
            {
                $this->worker->unregisterAll();
                gc_collect_cycles();
                return $this->name;
            }
        };
        return $worker->addFunction($mine, $function);
    },
    'result' => function ($guard) use ($worker, $mine) {
        return $worker->addFunction($mine, function () use (&$guard) {
            $result = new class ($guard) {
                public function __construct(private $guard)
                {
                }

                public function __toString(): string
                {
                    return 'text';
                }
            };
            $guard = null;
            return $result;
        });
    },
] as $what => $prepare) {
    foreach ([fn () => throw new DomainException("$what let go"), function () use (&$ended, $client, $worker) {
        $ended[] = $client->ping('x') && $worker->ping('x');
    }] as $end) {
        $prepare(new Guard($end));
        $handle = $client->doBackground($mine, 'x');
        echo "$what: ", $show(fn () => $worker->work()), ', ';
        wait_until(fn () => !$client->jobStatus($handle)[0], 10, 'the end of the job');
        @$worker->unregisterAll();
    }
    echo json_encode($ended), "\n";
}
stop_child($serving, SIGKILL);
?>
--EXPECT--
DomainException: let go
true
eerht eno owt
true dedda detsen eno owt true
DomainException: let go after callback
true
DomainException: replaced
DomainException: cleared
cba
context: DomainException: context let go, context: true, [true]
function: DomainException: function let go, function: true, [true,true]
result: DomainException: result let go, result: true, [true,true,true]
