--TEST--
How a job ends: what work() returns, the return code, and what the client hears
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = client();
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
foreach (['Data', 'Complete', 'Exception', 'Fail'] as $event) {
    $client->{"set{$event}Callback"}(function (GearmanTask $task) use ($event, &$heard) { $heard[] = "$event " . $task->data(); });
}
foreach ([
    'returns' => fn() => 'fine',
    'returns nothing' => function () {
    },
    'sendComplete' => function (GearmanJob $job) { $job->sendComplete('early'); return 'lost'; },
    'sendComplete twice' => function (GearmanJob $job) { show('- twice', $job->sendComplete('first'), $job->sendComplete('second'), $job->sendFail(), code($job)); },
    'sendFail' => function (GearmanJob $job) { $job->sendFail(); return 'lost'; },
    'sendException' => function (GearmanJob $job) { $job->sendException("b\0ad"); return 'lost'; },
    'setReturn SUCCESS' => function (GearmanJob $job) { $job->setReturn(GEARMAN_SUCCESS); return 'fine'; },
    'setReturn SHUTDOWN' => function (GearmanJob $job) { $job->setReturn(GEARMAN_SHUTDOWN); return 'the last'; },
    'setReturn WORK_FAIL' => function (GearmanJob $job) { $job->setReturn(GEARMAN_WORK_FAIL); return 'lost'; },
    'setReturn WORK_EXCEPTION' => fn(GearmanJob $job) => $job->setReturn(GEARMAN_WORK_EXCEPTION),
    'setReturn TIMEOUT' => fn(GearmanJob $job) => $job->setReturn(GEARMAN_TIMEOUT),
    'setReturn NO_JOBS' => fn(GearmanJob $job) => $job->setReturn(GEARMAN_NO_JOBS),
    'setReturn WORK_ERROR' => fn(GearmanJob $job) => $job->setReturn(GEARMAN_WORK_ERROR),
    'setReturn PAUSE' => fn(GearmanJob $job) => $job->setReturn(GEARMAN_PAUSE),
    'setReturn twice' => function (GearmanJob $job) { $job->setReturn(GEARMAN_WORK_FAIL); $job->setReturn(GEARMAN_SUCCESS); return 'fine'; },
    'setReturn out of range' => function (GearmanJob $job) { show('- out of range', $job->setReturn(-1), $job->setReturn(GEARMAN_MAX_RETURN + 1), code($job)); return 'fine'; },
    'sendComplete, setReturn WORK_FAIL' => function (GearmanJob $job) { $job->sendComplete('early'); $job->setReturn(GEARMAN_WORK_FAIL); },
    'empty exception' => function (GearmanJob $job) { show('- empty', $job->sendException(''), code($job)); return 'lost'; },
    'empty exception mended' => function (GearmanJob $job) { @$job->sendException(''); $job->setReturn(GEARMAN_SUCCESS); return 'fine'; },
    'throws' => fn() => throw new DomainException('the reason', 12),
    'throws Error' => fn() => no_such_function(),
    'throws after data' => function (GearmanJob $job) { $job->sendData('data'); throw new LogicException('late'); },
    'throws after sendComplete' => function (GearmanJob $job) { $job->sendComplete('early'); throw new LogicException('late'); },
    'throws without a message' => fn() => throw new RuntimeException(),
] as $what => $function) {
    $name = unique_function_name();
    $worker = worker([$name => $function]);
    $heard = [];
    $client->addTask($name, 'x');
    wait_until(fn() => $client->runTasks() && function_status($name)[0] === 1);
    show($what, fn() => $worker->work(), code($worker));
    wait_until(fn() => $client->runTasks() && $client->returnCode() === GEARMAN_SUCCESS);
    show('- the client', $heard);
}
--EXPECT--
returns: true, SUCCESS
- the client: ['Complete fine']
returns nothing: true, SUCCESS
- the client: ['Complete ']
sendComplete: true, SUCCESS
- the client: ['Complete early']
- twice: true, true, true, SUCCESS
sendComplete twice: true, SUCCESS
- the client: ['Complete first']
sendFail: true, SUCCESS
- the client: ['Fail ']
sendException: true, SUCCESS
- the client: ['Exception b\000ad']
setReturn SUCCESS: true, SUCCESS
- the client: ['Complete fine']
  Warning: GearmanWorker::work()
setReturn SHUTDOWN: false, SHUTDOWN
- the client: ['Complete the last']
setReturn WORK_FAIL: false, WORK_FAIL
- the client: ['Fail ']
setReturn WORK_EXCEPTION: false, WORK_EXCEPTION
- the client: ['Fail ']
setReturn TIMEOUT: false, TIMEOUT
- the client: ['Fail ']
setReturn NO_JOBS: false, NO_JOBS
- the client: ['Fail ']
  Warning: GearmanWorker::work()
setReturn WORK_ERROR: false, WORK_ERROR
- the client: ['Fail ']
  Warning: GearmanWorker::work()
setReturn PAUSE: false, PAUSE
- the client: ['Fail ']
setReturn twice: true, SUCCESS
- the client: ['Complete fine']
  Warning: GearmanJob::setReturn()
  Warning: GearmanJob::setReturn()
- out of range: false, false, SUCCESS
setReturn out of range: true, SUCCESS
- the client: ['Complete fine']
sendComplete, setReturn WORK_FAIL: false, WORK_FAIL
- the client: ['Complete early']
  Warning: GearmanJob::sendException()
- empty: false, INVALID_ARGUMENT
  Warning: GearmanWorker::work()
empty exception: false, INVALID_ARGUMENT
- the client: ['Fail ']
empty exception mended: true, SUCCESS
- the client: ['Complete fine']
throws: DomainException: the reason, WORK_EXCEPTION
- the client: ['Exception DomainException: the reason']
throws Error: Error: Call to undefined function no_such_function(), WORK_EXCEPTION
- the client: ['Exception Error: Call to undefined function no_such_function()']
throws after data: LogicException: late, WORK_EXCEPTION
- the client: ['Data data', 'Exception LogicException: late']
throws after sendComplete: LogicException: late, WORK_EXCEPTION
- the client: ['Complete early']
throws without a message: RuntimeException: , WORK_EXCEPTION
- the client: ['Exception RuntimeException: ']
