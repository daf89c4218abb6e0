--TEST--
grabJob(): a job to be ended by hand, or NO_JOBS at once; any order with work()
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = unique_function_name();
$client = client();
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
foreach (['Data', 'Status', 'Complete', 'Exception', 'Fail'] as $event) {
    $client->{"set{$event}Callback"}(function (GearmanTask $task) use ($event, &$heard) { $heard[] = trim("$event " . $task->data()); });
}
$submit = function (string $workload, string $key) use ($client, $function, &$heard) {
    $heard = [];
    $client->addTask($function, $workload, null, $key);
    wait_until(fn() => $client->runTasks() && function_status($function)[0] === 1);
};
$client_hears = function () use ($client, &$heard) {
    wait_until(fn() => $client->runTasks() && $client->returnCode() === GEARMAN_SUCCESS);
    show('the client', $heard);
};
$worker = worker([$function => function (GearmanJob $job) { return 'by work() ' . $job->workload(); }]);
show('none there', $worker->grabJob(), code($worker), (string) $worker->error() !== '');
$submit("work\0load", 'key');
$job = $worker->grabJob();
show('grabJob', $job, code($worker));
show('the job', $job->functionName() === $function, $job->workload(), $job->workloadSize(), $job->unique(), $job->handle(), code($job));
show('it runs', wait_until(fn() => ($status = function_status($function))[1] === 1 ? $status : null));
show('send', $job->sendStatus(1, 2), $job->sendData('part '), $job->sendComplete('by hand'), code($job));
$client_hears();
show('none there', @$worker->grabJob(), code($worker), @$worker->grabJob());
$submit('second', 'key');
show('work', $worker->work());
$client_hears();
$submit('third', 'key');
show('sendFail', $worker->grabJob()->sendFail());
$client_hears();
$submit('fourth', 'key');
show('sendException', $worker->grabJob()->sendException('text'));
$client_hears();
show('no job, then work', @$worker->grabJob(), $worker->setTimeout(10), $worker->work(), code($worker));
$worker->setTimeout(-1);

// Not ended: it stays with the worker, and goes back with its connection.
$submit('fifth', 'key');
$job = $worker->grabJob();
unset($job, $worker);
$worker = worker([$function => fn(GearmanJob $job) => 'again ' . $job->workload()]);
show('work', $worker->work());
$client_hears();

// Several at a time, ended in another order.
$background = client();
$jobs = [];
foreach (['a', 'b', 'c'] as $workload) {
    $background->doBackground($function, $workload);
    $jobs[] = $worker->grabJob();
}
foreach ([1, 2, 0] as $i) {
    show($jobs[$i]->workload(), $jobs[$i]->sendStatus(1, 1), $jobs[$i]->sendComplete(''));
}
$worker->ping('x');
show('left', function_status($function)[0]);
--EXPECT--
  Warning: GearmanWorker::grabJob()
none there: false, NO_JOBS, true
grabJob: a GearmanJob, SUCCESS
the job: true, 'work\000load', 9, 'key', a handle, SUCCESS
it runs: [1, 1, 1]
send: true, true, true, SUCCESS
the client: ['Status', 'Data part', 'Complete by hand']
none there: false, NO_JOBS, false
work: true
the client: ['Complete by work() second']
sendFail: true
the client: ['Fail']
sendException: true
the client: ['Exception text']
no job, then work: false, true, false, TIMEOUT
work: true
the client: ['Complete again fifth']
b: true, true
c: true, true
a: true, true
left: 0
