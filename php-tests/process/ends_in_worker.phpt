--TEST--
Whatever ends the program inside a worker function: exit code, output, shutdown functions that use the objects; the job goes on
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/captured.inc';

$client = new GearmanClient();
$client->addServer(HOST, PORT);
$other = unique_function_name('other');
$serving = spawn(function () use ($other) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($other, fn ($job) => strrev($job->workload()));
    while ($worker->work());
});
$limits = ['time limit' => function () {
    set_time_limit(1);
    while (true);
}];
foreach (ends() + $limits as $how => $end) {
    $function = unique_function_name();
    $handle = $client->doBackground($function, 'x');
    [$code, $output] = captured(function () use ($function, $other, $end, $client) {
        $worker = new GearmanWorker();
        $worker->addServer(HOST, PORT);
        $worker->addFunction($function, function ($job) use ($end) {
            $job->sendData('data');
            $end();
            return '';
        });
        register_shutdown_function(function () use ($worker, $client, $other) {
            ini_set('memory_limit', '256M');
            echo "\n  shutdown: ", $client->doNormal($other, 'abc'), ', ';
            $mine = unique_function_name('mine');
            $worker->unregisterAll();
            $worker->addFunction($mine, fn () => print 'a job, ');
            $client->doBackground($mine, 'x');
            echo json_encode([$worker->work(), $worker->returnCode()]), "\n";
        });
        try {
            $worker->work();
        } finally {
            echo "\n  finally";
        }
        echo "\n  not reached";
    });
    // Another worker runs it, unless it was done: an exception is an end of the job.
    $again = 'no';
    if ($client->jobStatus($handle)[0]) {
        $second = new GearmanWorker();
        $second->addServer(HOST, PORT);
        $second->setTimeout(10000);
        $second->addFunction($function, fn () => '');
        $again = json_encode($second->work());
        wait_until(fn () => !$client->jobStatus($handle)[0], 10, 'the end of the job');
    }
    echo "$how: code $code, by another worker: $again\n  ", preg_replace(['/\n\n+/', '/ +$/m'], ["\n", ''], $output), "\n";
}
stop_child($serving, SIGKILL);
?>
--EXPECTF--
exit(): code 0, by another worker: true
  shutdown: cba, a job, [true,0]
exit(3): code 3, by another worker: true
  shutdown: cba, a job, [true,0]
exit('text'): code 0, by another worker: true
  text
  shutdown: cba, a job, [true,0]
E_USER_ERROR: code 255, by another worker: true
  Fatal error: on purpose
  shutdown: cba, a job, [true,0]
compile error: code 255, by another worker: true
  Fatal error: Cannot redefine class constant A::X
  shutdown: cba, a job, [true,0]
redeclared: code 255, by another worker: true
  Fatal error: Cannot redeclare ends() (previously declared)
  shutdown: cba, a job, [true,0]

Fatal error: Allowed memory size of %d bytes exhausted%S (tried to allocate %d bytes) in %s on line %d

  shutdown: cba, a job, [true,0]
memory limit: code 255, by another worker: true
  
uncaught: code 255, by another worker: no
  finally
Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: cba, a job, [true,0]
uncaught error: code 255, by another worker: no
  finally
Fatal error: Uncaught Error: Call to undefined function no_such_function()
  thrown
  shutdown: cba, a job, [true,0]
exit in a destructor: code 4, by another worker: true
  shutdown: cba, a job, [true,0]
SIGKILL: code -9, by another worker: true
  
time limit: code 255, by another worker: true
  Fatal error: Maximum execution time of 1 second exceeded
  shutdown: cba, a job, [true,0]
