--TEST--
Clients, workers, jobs and tasks cannot be cloned
--FILE--
<?php
require __DIR__ . '/../api.inc';

class Sub extends GearmanClient
{
    public function __clone()
    {
        echo "not called\n";
    }
}
foreach ([GearmanClient::class, GearmanWorker::class, GearmanJob::class, GearmanTask::class, Sub::class] as $class) {
    $object = new $class();
    show($class, fn() => clone $object);
}
$worker = worker([$function = unique_function_name() => function (GearmanJob $job) {
    show('a running job', fn() => clone $job);
    return 'x';
}]);
$client = client();
$client->doBackground($function, 'x');
show('work', $worker->work());
$task = $client->addTaskBackground($function, 'x');
show('an added task', fn() => clone $task);
show('both as before', $client->runTasks(), $worker->work());
--EXPECT--
GearmanClient: Error: Trying to clone an uncloneable object of class GearmanClient
GearmanWorker: Error: Trying to clone an uncloneable object of class GearmanWorker
GearmanJob: Error: Trying to clone an uncloneable object of class GearmanJob
GearmanTask: Error: Trying to clone an uncloneable object of class GearmanTask
Sub: Error: Trying to clone an uncloneable object of class Sub
a running job: Error: Trying to clone an uncloneable object of class GearmanJob
work: true
an added task: Error: Trying to clone an uncloneable object of class GearmanTask
a running job: Error: Trying to clone an uncloneable object of class GearmanJob
both as before: true, true
