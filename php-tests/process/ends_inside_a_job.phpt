--TEST--
exit() and fatal errors in a worker function: PHP's usual exit code, and the job goes to another worker
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$ends = [
    'exit()' => fn() => exit(),
    'exit(3)' => fn() => exit(3),
    'fatal error' => fn() => @trigger_error('on purpose', E_USER_ERROR),
    'compile error' => fn() => eval('abstract class A { abstract function f() {} }'),
    'memory limit' => function () { ini_set('memory_limit', '8M'); return str_repeat('x', 64 << 20); },
    'SIGKILL' => fn() => posix_kill(getmypid(), SIGKILL),
];
foreach ($ends as $name => $end) {
    $function = unique_function_name();
    $serve = fn(callable $f) => function () use ($f, $function) {
        ini_set('display_errors', '0');
        ini_set('log_errors', '0');
        $worker = new GearmanWorker();
        $worker->addServer(HOST, PORT);
        $worker->addFunction($function, $f);
        $worker->work();
    };
    $first = spawn($serve($end));
    wait_until(fn() => function_status($function)[2] === 1, 10, 'the first worker');
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $handle = $client->doBackground($function, 'work');
    $code = wait_child($first);
    $requeued = wait_until(fn() => function_status($function)[1] === 0 && function_status($function)[0] >= 1, 10, 'the job to go back');
    $second = spawn($serve(fn($job) => 'ok'));
    wait_until(fn() => !$client->jobStatus($handle)[0], 10, 'the job to be done');
    echo "$name: exit code $code, job back: ", var_export($requeued, true), ', done by another: ', wait_child($second), "\n";
}
--EXPECT--
exit(): exit code 0, job back: true, done by another: 0
exit(3): exit code 3, job back: true, done by another: 0
fatal error: exit code 255, job back: true, done by another: 0
compile error: exit code 255, job back: true, done by another: 0
memory limit: exit code 255, job back: true, done by another: 0
SIGKILL: exit code -9, job back: true, done by another: 0
