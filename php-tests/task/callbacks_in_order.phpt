--TEST--
All callbacks of a task, in order, with the context, and what the task tells in each
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([
    "$f.complete" => function ($job) {
        $job->sendStatus(1, 4);
        $job->sendData('d1');
        $job->sendWarning('w');
        $job->sendData("d\0002");
        $job->sendStatus(4, 4);
        return 'result';
    },
    "$f.fail" => function ($job) { $job->sendStatus(1, 2); $job->sendFail(); },
    "$f.exception" => function ($job) { $job->sendData('d'); $job->sendException('sent'); },
    "$f.throw" => fn() => throw new LogicException('thrown'),
]);
$client = client();
$handle = null;
$show = function (string $event) use ($f, &$handle) {
    return function (GearmanTask $task, ...$context) use ($event, $f, &$handle) {
        $known = $task->jobHandle() === ($handle ??= $task->jobHandle()) && str_starts_with($handle, 'H:');
        echo str_pad($event, 9), ' ', json_encode([substr($task->functionName(), strlen($f)), $task->unique(), $known, $task->isKnown(),
            $task->isRunning(), $task->taskNumerator(), $task->taskDenominator(), $task->data(), $task->dataSize(), code_of($task->returnCode()), $context]), "\n";
    };
};
foreach (['Created', 'Status', 'Data', 'Warning', 'Complete', 'Fail', 'Exception', 'Workload'] as $event) {
    echo json_encode($client->{"set{$event}Callback"}($show($event)));
}
echo "\n";
foreach (['complete', 'fail', 'exception', 'throw'] as $end) {
    $handle = null;
    $task = $client->addTask("$f.$end", 'workload', ["context of $end"], "key of $end");
    echo 'added     ', json_encode([substr($task->functionName(), strlen($f)), $task->unique(), $task->jobHandle(), $task->isKnown(),
        $task->isRunning(), $task->taskNumerator(), $task->taskDenominator(), $task->data(), $task->dataSize()]), "\n";
    tell('runTasks', $client, fn() => $client->runTasks());
}
echo 'after     ', json_encode([$task->functionName(), $task->unique(), $task->jobHandle(), $task->isKnown(), $task->isRunning(),
    $task->taskNumerator(), $task->taskDenominator(), $task->data(), $task->dataSize(), $task->recvData(5), $task->sendWorkload('x')]), "\n";

// Options: the task keeps its names.
$client->removeOptions(GEARMAN_CLIENT_FREE_TASKS);
$client->clearCallbacks();
$task = $client->addTask("$f.complete", 'workload', null, 'the key');
$client->runTasks();
echo 'kept      ', json_encode([$task->functionName() === "$f.complete", $task->unique(), str_starts_with($task->jobHandle(), 'H:')]), "\n";
$task = new GearmanTask();
echo 'new       ', json_encode([$task->functionName(), $task->unique(), $task->jobHandle(), $task->isKnown(), $task->isRunning(),
    $task->taskNumerator(), $task->taskDenominator(), $task->data(), $task->dataSize(), $task->recvData(5), $task->sendWorkload('x'), $task->returnCode()]), "\n";
--EXPECT--
truetruetruetruetruetruetruetrue
added     [".complete","key of complete","",false,false,0,0,"",0]
Created   [".complete","key of complete",true,true,false,0,0,"",0,"SUCCESS",[["context of complete"]]]
Status    [".complete","key of complete",true,true,false,1,4,"",0,"SUCCESS",[["context of complete"]]]
Data      [".complete","key of complete",true,true,true,1,4,"d1",2,"SUCCESS",[["context of complete"]]]
Warning   [".complete","key of complete",true,true,true,1,4,"w",1,"SUCCESS",[["context of complete"]]]
Data      [".complete","key of complete",true,true,true,1,4,"d\u00002",3,"SUCCESS",[["context of complete"]]]
Status    [".complete","key of complete",true,true,true,4,4,"",0,"SUCCESS",[["context of complete"]]]
Complete  [".complete","key of complete",true,false,false,4,4,"result",6,"SUCCESS",[["context of complete"]]]
runTasks: true, SUCCESS
added     [".fail","key of fail","",false,false,0,0,"",0]
Created   [".fail","key of fail",true,true,false,0,0,"",0,"SUCCESS",[["context of fail"]]]
Status    [".fail","key of fail",true,true,false,1,2,"",0,"SUCCESS",[["context of fail"]]]
Fail      [".fail","key of fail",true,false,false,1,2,"",0,"WORK_FAIL",[["context of fail"]]]
runTasks: true, SUCCESS
added     [".exception","key of exception","",false,false,0,0,"",0]
Created   [".exception","key of exception",true,true,false,0,0,"",0,"SUCCESS",[["context of exception"]]]
Data      [".exception","key of exception",true,true,true,0,0,"d",1,"SUCCESS",[["context of exception"]]]
Exception [".exception","key of exception",true,false,false,0,0,"sent",4,"WORK_EXCEPTION",[["context of exception"]]]
runTasks: true, SUCCESS
added     [".throw","key of throw","",false,false,0,0,"",0]
Created   [".throw","key of throw",true,true,false,0,0,"",0,"SUCCESS",[["context of throw"]]]
Exception [".throw","key of throw",true,false,false,0,0,"LogicException: thrown",22,"WORK_EXCEPTION",[["context of throw"]]]
runTasks: true, SUCCESS
after     [false,false,false,false,false,false,false,false,false,false,false]
kept      [true,"the key",true]
new       [false,false,false,false,false,false,false,false,false,false,false,0]
