--TEST--
What a job tells of itself, while it runs and afterwards
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
$client = client();
$handle = $client->doBackground($f, "work\0load", 'the key');
$show = fn($job) => print(json_encode([$job->functionName() === $f ? 'f' : $job->functionName(), $job->unique(),
    $job->handle() === $handle ? 'handle' : $job->handle(), $job->workload(), $job->workloadSize(), $job->returnCode()]) . "\n");
$worker = worker([$f => function (GearmanJob $job) use ($show, &$kept) {
    $show($job);
    $show($job);
    $job->setReturn(GEARMAN_WORK_WARNING);
    echo $job->returnCode(), ' ';
    $job->sendStatus(1, 2);
    echo $job->returnCode(), "\n";
    $job->sendComplete('x');
    $show($job);
    $kept = $job;
}]);
$worker->work();
echo "afterwards:\n";
foreach (['of the function' => $kept, 'new' => new GearmanJob()] as $which => $job) {
    echo "$which: ";
    $show($job);
    foreach (['sendData' => ['x'], 'sendWarning' => ['x'], 'sendStatus' => [1, 2], 'sendComplete' => ['x'], 'sendException' => ['x'], 'sendFail' => []] as $method => $arguments) {
        tell("  $method", null, fn() => $job->$method(...$arguments));
    }
    tell('  setReturn', $job, fn() => $job->setReturn(GEARMAN_WORK_FAIL));
}
$new = new GearmanJob();
tell('with a warning', $new, fn() => $new->sendComplete('x'));
tell('without one', $new, fn() => $new->sendData('x'));

$worker->removeOptions(GEARMAN_WORKER_GRAB_UNIQ);
$worker->addFunction($f, fn($job) => print('without GRAB_UNIQ: ' . json_encode($job->unique()) . "\n"));
$client->doBackground($f, 'x', 'the key');
$worker->work();
foreach (['addOptions', 'setOptions'] as $method) {
    $worker->$method(GEARMAN_WORKER_GRAB_UNIQ | GEARMAN_WORKER_TIMEOUT_RETURN);
    $worker->addFunction($f, fn($job) => print("$method: " . json_encode($job->unique()) . "\n"));
    $client->doBackground($f, 'x', 'the key');
    $worker->work();
}
--EXPECT--
["f","the key","handle","work\u0000load",9,0]
["f","the key","handle","work\u0000load",9,0]
21 0
["f","the key","handle","work\u0000load",9,0]
afterwards:
of the function: [false,false,false,"",0,0]
  sendData: false
  sendWarning: false
  sendStatus: false, warning of GearmanJob::sendStatus()
  sendComplete: false, warning of GearmanJob::sendComplete()
  sendException: false, warning of GearmanJob::sendException()
  sendFail: false, warning of GearmanJob::sendFail()
  setReturn: true, WORK_FAIL
new: [false,false,false,"",0,0]
  sendData: false
  sendWarning: false
  sendStatus: false, warning of GearmanJob::sendStatus()
  sendComplete: false, warning of GearmanJob::sendComplete()
  sendException: false, warning of GearmanJob::sendException()
  sendFail: false, warning of GearmanJob::sendFail()
  setReturn: true, WORK_FAIL
with a warning: false, warning of GearmanJob::sendComplete(), INVALID_ARGUMENT
without one: false, INVALID_ARGUMENT
without GRAB_UNIQ: ""
addOptions: "the key"
setOptions: "the key"
