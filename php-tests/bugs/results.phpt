--TEST--
Where pecl gearman's results were wrong
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/bugs.inc';

entry(20, 'tasks are done in the order they were added', function ($name) {
    serve($name, fn($job) => $job->workload(), 3);
    $client = client();
    $client->setCompleteCallback(function ($task) use (&$order) { $order[] = $task->data(); });
    foreach (['a', 'b', 'c'] as $workload) {
        $client->addTask($name, $workload);
    }
    return [$client->runTasks(), $order];
});
entry(21, 'a thrown exception reaches the client', function ($name) {
    serve($name, fn($job) => throw new DomainException('why'));
    $client = client();
    $client->setExceptionCallback(function ($task) use (&$text) { $text = $task->data(); });
    $client->addTask($name, 'x');
    return [$client->runTasks(), $text];
});
entry(22, 'work() after a failed job does a job', function ($name) {
    $worker = worker($name, function ($job) use (&$jobs) { $jobs++ || $job->setReturn(GEARMAN_WORK_FAIL); });
    client()->doBackground($name, '1');
    client()->doBackground($name, '2');
    return [$worker->work(), $worker->work(), $jobs];
});
entry(23, 'functions change at the next work()', function ($name) {
    $worker = worker("{$name}a", function ($job) use (&$done) { $done[] = 'a'; });
    client()->doBackground("{$name}a", 'x');
    $worker->work();
    $worker->unregister("{$name}a");
    $worker->addFunction("{$name}b", function ($job) use (&$done) { $done[] = 'b'; });
    client()->doBackground("{$name}a", 'x');
    client()->doBackground("{$name}b", 'x');
    return [$worker->work(), $done];
});
entry(24, 'unique() with GRAB_UNIQ set by hand', function ($name) {
    $worker = worker($name, function ($job) use (&$unique) { $unique = $job->unique(); });
    $worker->setOptions(GEARMAN_WORKER_GRAB_UNIQ);
    client()->doBackground($name, 'x', 'key');
    return [$worker->work(), $unique];
});
entry(25, 'error() after a success', function ($name) {
    $client = client();
    @$client->doNormal('', 'x');
    return [$client->error() !== false, $client->doBackground($name, 'x') !== '', $client->error()];
});
entry(26, 'returnCode() of a failed task', function ($name) {
    serve($name, fn($job) => $job->sendFail());
    $client = client();
    $client->setFailCallback(function ($task) use (&$code) { $code = $task->returnCode(); });
    $client->addTask($name, 'x');
    return [$client->runTasks(), $code === GEARMAN_WORK_FAIL];
});
entry(27, 'clearCallbacks() before runTasks()', function ($name) {
    serve($name, fn($job) => 'x');
    $client = client();
    $client->setCompleteCallback(function ($task) { echo "not to be called\n"; });
    $client->addTask($name, 'x');
    $client->clearCallbacks();
    return $client->runTasks();
});
entry(28, 'null where it is allowed', function ($name) {
    $client = client();
    return [$client->addServers(null, false), $client->doBackground($name, 'x', null) !== '', is_object($client->addTask($name, 'x', null, null))];
});
entry(29, 'grabJob() is declared to give a job', fn() => (string) (new ReflectionMethod('GearmanWorker', 'grabJob'))->getReturnType());
entry(30, 'a function that returns an object which is no text', function ($name) {
    $worker = worker($name, fn($job) => new stdClass());
    $handle = client()->doBackground($name, 'x');
    try {
        return $worker->work();
    } catch (Error $e) {
        $code = $worker->returnCode();
        // Answered when the server knows of the end: another connection may be faster than the worker's.
        $worker->ping('x');
        return [$e->getMessage(), $code === GEARMAN_WORK_EXCEPTION, client()->jobStatus($handle)];
    }
});
entry(31, 'NUL bytes in names', function ($name) {
    $client = client();
    $client->setContext("a\0b");
    return [@$client->doNormal("$name\0x", 'x'), @$client->doNormal($name, 'x', "k\0x"), $client->context()];
});
entry(32, 'a key of 64 bytes', function ($name) {
    $worker = worker($name, function ($job) use (&$length) { $length = strlen($job->unique()); });
    client()->doBackground($name, 'x', str_repeat('k', 64));
    // C servers cut it, as pecl does.
    return [$worker->work(), $length === (str_starts_with(admin('version'), 'OK 1.') ? 63 : 64)];
});
entry(33, 'numbers that do not fit', function ($name) {
    $worker = worker($name, function ($job) use (&$sent) { $sent = [@$job->sendStatus(-1, 5), @$job->sendStatus(1, 2 ** 40)]; });
    client()->doBackground($name, 'x');
    @$worker->work();
    $client = client();
    $client->setTimeout(2 ** 32 + 1);
    return [$sent, $client->timeout() === 2 ** 32 + 1];
});
entry(34, 'the same function added twice counts once', function ($name) {
    $worker = worker($name, fn($job) => 1);
    $worker->addFunction($name, fn($job) => 2);
    $worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
    return wait_until(fn() => !$worker->work() && function_status($name)[2] > 0 ? function_status($name) : false);
});
entry(35, 'ports and IPv6 in lists', function () {
    $client = new GearmanClient();
    return [@$client->addServer(HOST, 65536 + PORT, false), @$client->addServers(HOST . ':' . PORT . 'x', false), $client->addServers('[::1]:4730', false)];
});
entry(36, 'GEARMAN_SERVERS with a name that does not exist', function ($name) {
    putenv('GEARMAN_SERVERS=no-such-host.invalid');
    $client = new GearmanClient();
    putenv('GEARMAN_SERVERS');
    return [@$client->doBackground($name, 'x'), str_contains((string) $client->error(), 'could not resolve no-such-host.invalid:4730')];
});
--EXPECT--
20 tasks are done in the order they were added: [true,["a","b","c"]]
21 a thrown exception reaches the client: [true,"DomainException: why"]
22 work() after a failed job does a job: [false,true,2]
23 functions change at the next work(): [true,["a","b"]]
24 unique() with GRAB_UNIQ set by hand: [true,"key"]
25 error() after a success: [true,true,false]
26 returnCode() of a failed task: [true,true]
27 clearCallbacks() before runTasks(): true
28 null where it is allowed: [true,true,true]
29 grabJob() is declared to give a job: "GearmanJob|false"
30 a function that returns an object which is no text: ["Object of class stdClass could not be converted to string",true,[false,false,0,0]]
31 NUL bytes in names: ["","","a\u0000b"]
32 a key of 64 bytes: [true,true]
33 numbers that do not fit: [[false,false],true]
34 the same function added twice counts once: [0,0,1]
35 ports and IPv6 in lists: [false,false,true]
36 GEARMAN_SERVERS with a name that does not exist: ["",true]
