--TEST--
What made pecl gearman hang, or broke its connections
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/bugs.inc';

entry(10, 'a job after jobStatusByUniqueKey()', function ($name) {
    $client = client();
    return [$client->jobStatusByUniqueKey($name), $client->doBackground($name, 'x') !== ''];
});
entry(11, 'jobStatus() after jobStatusByUniqueKey() could not connect', function () {
    $client = new GearmanClient();
    $client->addServer(HOST, free_port(), false);
    return [@$client->jobStatusByUniqueKey('k'), @$client->jobStatus('H:x:1'), $client->returnCode() === GEARMAN_COULD_NOT_CONNECT];
});
entry(12, 'an exception, and a client without the option', function ($name) {
    serve($name, fn($job) => $job->sendException('boo'));
    $client = client(exceptions: false);
    return [$client->doNormal($name, 'x'), $client->returnCode() === GEARMAN_WORK_FAIL];
});
entry(13, 'callbacks that return true or an array', function ($name) {
    serve($name, fn($job) => 'x', 2);
    $client = client();
    $client->setCreatedCallback(fn($task) => [1]);
    $client->setCompleteCallback(function ($task) use (&$calls) { return (bool) ++$calls; });
    $client->addTask($name, 'a');
    $client->addTask($name, 'b');
    return [$client->runTasks(), $calls];
});
entry(14, 'doNormal() of the same client in a callback', function ($name) {
    serve($name, fn($job) => $job->workload(), 4);
    $client = client();
    $client->setCompleteCallback(function ($task) use ($client, $name, &$heard) {
        array_push($heard, $task->data(), $client->doNormal($name, "in {$task->data()}"));
    });
    $heard = [];
    $client->addTask($name, 'a');
    $client->addTask($name, 'b');
    return [$client->runTasks(), $heard];
});
entry(15, 'doNormal() of a NON_BLOCKING client', function ($name) {
    serve($name, fn($job) => 'x');
    $client = client();
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
    return [$client->doNormal($name, 'x'), $client->returnCode()];
});
entry(16, 'a client of two servers, 200 calls', function ($name) {
    $other = start_gearmand();
    serve($name, fn($job) => $job->workload(), 200);
    $client = client();
    $client->addServer(HOST, $other->port);
    for ($i = 0, $good = 0; $i < 200; $i++) {
        $good += $client->doNormal($name, "$i") === "$i";
    }
    return $good;
});
entry(17, 'runTasks() with a server that is down', function ($name) {
    serve($name, fn($job) => 'x', 2);
    $client = new GearmanClient();
    $client->addServer(HOST, free_port(), false);
    $client->addServer(HOST, PORT, false);
    $client->setTimeout(10000);
    $client->setCompleteCallback(function ($task) use (&$done) { $done[] = $task->data(); });
    $client->addTask($name, 'a');
    $client->addTask($name, 'b');
    return [$client->runTasks(), $done];
});
entry(18, 'a child that inherits a connected client and exits', function () {
    $client = client();
    $client->ping('x');
    $child = pcntl_fork();
    if ($child === 0) {
        exit(0);
    }
    pcntl_waitpid($child, $status);
    return $client->ping('y');
});
entry(19, 'an exception in a callback', function ($name) {
    serve($name, fn($job) => 'x', 3);
    $client = client();
    $client->setCompleteCallback(function ($task) use (&$calls) { $calls++; throw new DomainException('on purpose'); });
    for ($i = 0; $i < 3; $i++) {
        $client->addTask($name, "$i");
    }
    try {
        $client->runTasks();
    } catch (DomainException $e) {
        $client->clearCallbacks();
        return [$e->getMessage(), $calls, $client->ping('usable'), $client->runTasks()];
    }
});
--EXPECT--
10 a job after jobStatusByUniqueKey(): [[false,false,0,0],true]
11 jobStatus() after jobStatusByUniqueKey() could not connect: [[false,false,0,0],[false,false,0,0],true]
12 an exception, and a client without the option: ["",true]
13 callbacks that return true or an array: [true,2]
14 doNormal() of the same client in a callback: [true,["a","in a","b","in b"]]
15 doNormal() of a NON_BLOCKING client: ["x",0]
16 a client of two servers, 200 calls: 200
17 runTasks() with a server that is down: [true,["x","x"]]
18 a child that inherits a connected client and exits: true
19 an exception in a callback: ["on purpose",1,true,true]
