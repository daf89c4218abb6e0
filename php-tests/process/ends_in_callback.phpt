--TEST--
Whatever ends the program inside a task callback: exit code, output, and a shutdown function that uses the same client
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/captured.inc';

$function = unique_function_name();
$serving = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, function (GearmanJob $job) {
        switch ($job->workload()) {
            case 'data':
                $job->sendData('some');
                break;
            case 'warning':
                $job->sendWarning('some');
                break;
            case 'status':
                $job->sendStatus(1, 2);
                break;
            case 'fail':
                $job->sendFail();
                break;
            case 'exception':
                $job->sendException('some');
        }
        return strrev($job->workload());
    });
    while ($worker->work());
});
$same = [];
foreach (['created', 'data', 'warning', 'status', 'complete', 'exception', 'fail'] as $kind) {
    $limit = $kind !== 'complete' ? [] : ['time limit' => function () {
        set_time_limit(1);
        while (true);
    }];
    foreach (ends() + $limit as $how => $end) {
        if ($how === 'memory limit') {
            continue; // takes the output away from us: below
        }
        [$code, $output] = captured(fn () => program($kind, $end));
        $same["$how: code $code\n  " . preg_replace(['/\n\n+/', '/ +$/m'], ["\n", ''], $output) . "\n"][] = $kind;
    }
}
foreach ($same as $what => $kinds) {
    echo implode(', ', $kinds), ": $what";
}
[$code] = captured(fn () => program('complete', ends()['memory limit']));
echo "memory limit: code $code\n";
stop_child($serving, SIGKILL);

function program(string $kind, callable $end): void
{
    global $function;
    // Keys of its own: with those of the program before, which was killed, it would share the job that is still run for
    // that, and may hear of its end first.
    $key = fn (string $name) => $name . '-' . getmypid();
    $name = fn (GearmanTask $task) => strstr($task->unique(), '-', true);
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $client->setTimeout(10000);
    $client->{'set' . ucfirst($kind) . 'Callback'}(function (GearmanTask $task) use ($end, $name) {
        $name($task) === 'first' && $end();
    });
    $client->addTask($function, $kind, new class () {
        public function __destruct()
        {
            echo "\n  context let go";
        }
    }, $key('first'));
    $client->addTask($function, 'next', null, $key('second'));
    register_shutdown_function(function () use ($client, $function, $key, $name) {
        ini_set('memory_limit', '256M');
        $client->setCompleteCallback(fn ($task) => print $name($task) . ' complete, ');
        echo "\n  shutdown: ", $client->doNormal($function, 'abc'), ', ';
        $client->addTask($function, 'third', null, $key('third'));
        echo json_encode([$client->runTasks(), $client->returnCode()]), "\n";
    });
    try {
        $client->runTasks();
    } finally {
        echo "\n  finally";
    }
    echo "\n  not reached";
}
?>
--EXPECTF--
created, data, warning, status: exit(): code 0
  shutdown: cba,
  context let gothird complete, [true,0]
created, data, warning, status: exit(3): code 3
  shutdown: cba,
  context let gothird complete, [true,0]
created, data, warning, status: exit('text'): code 0
  text
  shutdown: cba,
  context let gothird complete, [true,0]
created, data, warning, status, exception, fail: E_USER_ERROR: code 255
  Fatal error: on purpose
  shutdown: cba, third complete, [true,0]
created, data, warning, status, exception, fail: compile error: code 255
  Fatal error: Cannot redefine class constant A::X
  shutdown: cba, third complete, [true,0]
created, data, warning, status, exception, fail: redeclared: code 255
  Fatal error: Cannot redeclare ends() (previously declared)
  shutdown: cba, third complete, [true,0]
created, data, warning, status: uncaught: code 255
  finally
Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: cba,
  context let gothird complete, [true,0]
created, data, warning, status: uncaught error: code 255
  finally
Fatal error: Uncaught Error: Call to undefined function no_such_function()
  thrown
  shutdown: cba,
  context let gothird complete, [true,0]
created, data, warning, status: exit in a destructor: code 4
  shutdown: cba,
  context let gothird complete, [true,0]
created, data, warning, status, complete, exception, fail: SIGKILL: code -9
  
complete: exit(): code 0
  context let go
  shutdown: cba, second complete, third complete, [true,0]
complete: exit(3): code 3
  context let go
  shutdown: cba, second complete, third complete, [true,0]
complete: exit('text'): code 0
  text
  context let go
  shutdown: cba, second complete, third complete, [true,0]
complete: E_USER_ERROR: code 255
  Fatal error: on purpose
  shutdown: cba, second complete, third complete, [true,0]
complete: compile error: code 255
  Fatal error: Cannot redefine class constant A::X
  shutdown: cba, second complete, third complete, [true,0]
complete: redeclared: code 255
  Fatal error: Cannot redeclare ends() (previously declared)
  shutdown: cba, second complete, third complete, [true,0]
complete: uncaught: code 255
  finally
Fatal error: Uncaught DomainException: on purpose
  thrown
  context let go
  shutdown: cba, second complete, third complete, [true,0]
complete: uncaught error: code 255
  finally
Fatal error: Uncaught Error: Call to undefined function no_such_function()
  thrown
  context let go
  shutdown: cba, second complete, third complete, [true,0]
complete: exit in a destructor: code 4
  context let go
  shutdown: cba, second complete, third complete, [true,0]
complete: time limit: code 255
  Fatal error: Maximum execution time of 1 second exceeded
  shutdown: cba, second complete, third complete, [true,0]
exception, fail: exit(): code 0
  context let go
  shutdown: cba, third complete, [true,0]
exception, fail: exit(3): code 3
  context let go
  shutdown: cba, third complete, [true,0]
exception, fail: exit('text'): code 0
  text
  context let go
  shutdown: cba, third complete, [true,0]
exception, fail: uncaught: code 255
  finally
Fatal error: Uncaught DomainException: on purpose
  thrown
  context let go
  shutdown: cba, third complete, [true,0]
exception, fail: uncaught error: code 255
  finally
Fatal error: Uncaught Error: Call to undefined function no_such_function()
  thrown
  context let go
  shutdown: cba, third complete, [true,0]
exception, fail: exit in a destructor: code 4
  context let go
  shutdown: cba, third complete, [true,0]

Fatal error: Allowed memory size of %d bytes exhausted%S (tried to allocate %d bytes) in %s on line %d

  shutdown: cba, second complete, third complete, [true,0]
memory limit: code 255
