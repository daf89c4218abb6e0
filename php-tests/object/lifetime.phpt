--TEST--
Objects go in any order: connections close at once, callbacks and contexts are let go
--FILE--
<?php
require __DIR__ . '/../api.inc';

$workers = fn(string $function) => function_status($function)[2];
$function = unique_function_name();
$worker = worker([$function => fn() => '']);
$worker->setTimeout(10);
$worker->work();
show('known', wait_until(fn() => $workers($function) === 1));
$worker = null;
show('gone', wait_until(fn() => $workers($function) === 0));

// What a client holds goes with it.
$made = fn() => [new ArrayObject(), new ArrayObject()];
[$callback, $context] = $made();
$references = [WeakReference::create($callback), WeakReference::create($context)];
$client = client();
$client->setCompleteCallback($callback->count(...));
$task = $client->addTask($function, 'x', $context);
unset($callback, $context);
show('held', array_map(fn($reference) => $reference->get() !== null, $references));
unset($task, $client);
show('let go', array_map(fn($reference) => $reference->get() === null, $references));

// A replaced callback, cleared ones.
$client = client();
[$first, $second] = $made();
$references = [WeakReference::create($first), WeakReference::create($second)];
$client->setFailCallback($first->count(...));
$client->setFailCallback($second->count(...));
unset($first, $second);
show('replaced', $references[0]->get() === null, $references[1]->get() !== null);
$client->clearCallbacks();
show('cleared', $references[1]->get() === null);

// The context is let go after the run.
$context = new ArrayObject();
$reference = WeakReference::create($context);
$task = $client->addTaskBackground($function, 'x', $context);
unset($context);
show('before the run', $reference->get() !== null, $client->runTasks());
show('after it', $reference->get() === null, $task->functionName());

// Tasks and jobs outlive their objects.
$client = client();
$task = $client->addTask($function, 'never sent', 'context', 'key');
unset($client);
show('task', $task->functionName() === $function, $task->unique(), $task->jobHandle(), $task->isKnown());
unset($task);

$function = unique_function_name();
client()->doBackground($function, 'outlives');
$worker = worker([$function => fn() => 'x']);
$job = wait_until(fn() => @$worker->grabJob());
unset($worker);
show('job', $job->workload(), @$job->sendStatus(1, 2), @$job->sendComplete('too late'), $job->returnCode() !== GEARMAN_SUCCESS);
unset($job);

// A client destroyed while its callback runs, and one within its own context.
$function = unique_function_name();
$client = client();
$client->setCreatedCallback(function (GearmanTask $task, $context) use (&$client) {
    $client = null;
    show('in the callback', $task->isKnown(), $context);
});
$client->addTaskBackground($function, 'x', 'context');
show('runTasks', $client->runTasks());
show('client', $client, function_status($function)[0]);

// A worker destroyed in its own function.
$function = unique_function_name();
$worker = worker([$function => function (GearmanJob $job) use (&$worker) {
    $worker = null;
    return $job->workload();
}]);
client()->doBackground($function, 'x');
show('work', $worker->work(), $worker);
show('left', wait_until(fn() => function_status($function) === [0, 0, 0]));
--EXPECT--
known: true
gone: true
held: [true, true]
let go: [true, true]
replaced: true, true
cleared: true
before the run: true, true
after it: true, false
task: true, 'key', '', false
job: 'outlives', false, false, true
in the callback: true, 'context'
runTasks: true
client: null, 1
work: true, null
left: true
