--TEST--
Fibers: calls, callbacks and worker functions that suspend, and fibers that never go on
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$function = unique_function_name();
$serving = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn ($job) => strrev($job->workload()));
    while ($worker->work());
});
$other = new GearmanClient();
$other->addServer(HOST, PORT);

// Each task callback suspends; meanwhile another client is used, and the same one.
$client = new GearmanClient();
$client->addServer(HOST, PORT);
$client->setCompleteCallback(function (GearmanTask $task) {
    $with = Fiber::suspend($task->data());
    echo "resumed with $with\n";
});
$client->addTask($function, 'one');
$client->addTask($function, 'two');
$fiber = new Fiber(fn () => $client->runTasks());
echo $fiber->start(), "\n";
echo $other->doNormal($function, 'other'), ' ', $client->doNormal($function, 'same'), "\n";
echo $fiber->resume('1'), "\n";
$fiber->resume('2');
var_dump($fiber->getReturn());

// A worker function suspends: its job is done when it goes on.
$mine = unique_function_name('mine');
$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$worker->addFunction($mine, fn (GearmanJob $job) => Fiber::suspend($job->workload()));
$handle = $other->doBackground($mine, 'job 1');
$fiber = new Fiber(fn () => $worker->work());
echo $fiber->start(), ' ', json_encode($other->jobStatus($handle)), "\n";
$fiber->resume('result');
var_dump($fiber->getReturn());
wait_until(fn () => !$other->jobStatus($handle)[0]);

// Two jobs of one worker, in two fibers, ended in the other order.
$handles = [$other->doBackground($mine, 'job 2'), $other->doBackground($mine, 'job 3')];
$fibers = [new Fiber(fn () => $worker->work()), new Fiber(fn () => $worker->work())];
echo $fibers[0]->start(), ', ', $fibers[1]->start(), "\n";
$fibers[1]->resume('x');
wait_until(fn () => !$other->jobStatus($handles[1])[0]);
echo json_encode($other->jobStatus($handles[0])), "\n";
$fibers[0]->resume('x');
wait_until(fn () => !$other->jobStatus($handles[0])[0]);
var_dump($fibers[0]->getReturn(), $fibers[1]->getReturn());

// Fibers that never go on are destroyed in the middle of a callback and of a worker function.
$client->addTask($function, 'never');
$fiber = new Fiber(fn () => $client->runTasks());
$fiber->start();
unset($fiber);
gc_collect_cycles();
echo $client->doNormal($function, 'abc'), ' ', json_encode([$client->runTasks(), $client->returnCode()]), "\n";

// Such a job is not done: another worker gets it.
$handle = $other->doBackground($mine, 'job 4');
$fiber = new Fiber(fn () => $worker->work());
$fiber->start();
unset($fiber, $fibers);
gc_collect_cycles();
$second = new GearmanWorker();
$second->addServer(HOST, PORT);
$second->setTimeout(3000);
$second->addFunction($mine, fn (GearmanJob $job) => print $job->workload() . ' once more');
echo json_encode([$second->work(), $second->returnCode()]), "\n";
stop_child($serving, SIGKILL);
?>
--EXPECT--
eno
rehto emas
resumed with 1
owt
resumed with 2
bool(true)
job 1 [true,true,0,0]
bool(true)
job 2, job 3
[true,true,0,0]
bool(true)
bool(true)
cba [true,0]
job 4 once more[true,0]
