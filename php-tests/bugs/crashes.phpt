--TEST--
What crashed pecl gearman
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/bugs.inc';

foreach ([GearmanClient::class, GearmanWorker::class, GearmanJob::class, GearmanTask::class] as $class) {
    entry(1, "clone $class", fn() => clone new $class());
}
entry(2, '__destruct() by hand, then work()', function ($name) {
    $worker = worker($name, fn($job) => 'x');
    $worker->__destruct();
    client()->doBackground($name, 'x');
    return $worker->work();
});
entry(3, 'unserialized objects', function () {
    $client = unserialize('O:13:"GearmanClient":0:{}');
    return [$client->doJobHandle(), @$client->doNormal('f', 'x'), $client->returnCode() === GEARMAN_NO_SERVERS, serialize($client)];
});
entry(4, 'work() in a function of the same worker', function ($name) {
    $worker = worker($name, function ($job) use (&$worker, &$done) {
        $done[] = $job->workload();
        return $job->workload() === 'outer' && $worker->work();
    });
    client()->doBackground($name, 'outer');
    client()->doBackground($name, 'inner');
    return [$worker->work(), $done];
});
entry(5, 'grabJob() and work() in any order', function ($name) {
    $worker = worker($name, fn($job) => 'x');
    client()->doBackground($name, '1');
    $grabbed = $worker->grabJob()->sendComplete('x');
    $none = [@$worker->grabJob(), @$worker->grabJob()];
    client()->doBackground($name, '2');
    $worked = $worker->work();
    $worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
    return [$grabbed, $none, $worked, @$worker->grabJob(), @$worker->grabJob(), $worker->work()];
});
entry(6, 'a job that outlives its worker', function ($name) {
    $worker = worker($name, fn($job) => 'x');
    client()->doBackground($name, 'work');
    $job = $worker->grabJob();
    unset($worker);
    return [$job->workload(), @$job->sendData('x'), @$job->sendComplete('x')];
});
entry(7, 'a job kept after its function has returned', function ($name) {
    $worker = worker($name, function ($job) use (&$kept) { $kept = $job; });
    client()->doBackground($name, 'work');
    $worker->work();
    return [$kept->workload(), $kept->handle(), @$kept->sendComplete('x')];
});
entry(8, 'addTaskStatus() whose tasks are not kept', function ($name) {
    $client = client();
    $client->setStatusCallback(function ($task, $context) use (&$heard) { $heard[$context] = $task->isKnown(); });
    foreach ([1, 2, 3] as $i) {
        $client->addTaskStatus($client->doBackground("$name$i", 'x'), $i);
    }
    return [$client->runTasks(), $heard];
});
entry(9, 'jobStatusByUniqueKey() of 64 bytes', fn() => @client()->jobStatusByUniqueKey(str_repeat('k', 64)));
entry(9, 'jobStatus() of 64 bytes', fn() => client()->jobStatus(str_repeat('k', 64)));
--EXPECT--
1 clone GearmanClient: Error: Trying to clone an uncloneable object of class GearmanClient
1 clone GearmanWorker: Error: Trying to clone an uncloneable object of class GearmanWorker
1 clone GearmanJob: Error: Trying to clone an uncloneable object of class GearmanJob
1 clone GearmanTask: Error: Trying to clone an uncloneable object of class GearmanTask
2 __destruct() by hand, then work(): true
3 unserialized objects: ["","",true,"O:13:\"GearmanClient\":0:{}"]
4 work() in a function of the same worker: [true,["outer","inner"]]
5 grabJob() and work() in any order: [true,[false,false],true,false,false,false]
6 a job that outlives its worker: ["work",false,false]
7 a job kept after its function has returned: ["",false,false]
8 addTaskStatus() whose tasks are not kept: [true,{"1":true,"2":true,"3":true}]
9 jobStatusByUniqueKey() of 64 bytes: [false,false,0,0]
9 jobStatus() of 64 bytes: [false,false,0,0]
