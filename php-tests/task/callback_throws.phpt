--TEST--
An exception in a callback comes out of runTasks() at once; the client goes on
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([
    "$f.ok" => function ($job) { $job->sendStatus(1, 2); $job->sendData('d'); $job->sendWarning('w'); return 'result'; },
    "$f.fail" => fn($job) => $job->sendFail(),
    "$f.exception" => fn($job) => $job->sendException('e'),
]);
foreach (['Created', 'Status', 'Data', 'Warning', 'Complete', 'Fail', 'Exception'] as $event) {
    $client = client();
    $exception = new RuntimeException("from $event");
    $throw = true;
    $log = [];
    foreach (['Created', 'Status', 'Data', 'Warning', 'Complete', 'Fail', 'Exception'] as $each) {
        $client->{"set{$each}Callback"}(function () use ($each, $event, $exception, &$throw, &$log) {
            $log[] = $each;
            if ($each === $event && $throw) {
                throw $exception;
            }
        });
    }
    $end = ['Fail' => 'fail', 'Exception' => 'exception'][$event] ?? 'ok';
    $client->addTask("$f.$end", 'x');
    try {
        $client->runTasks();
        echo "no exception\n";
    } catch (RuntimeException $e) {
        echo $e->getMessage(), ' ', json_encode($e === $exception), ' after ', implode(' ', $log), "\n";
    }
    $throw = false;
    tell('  do', $client, fn() => $client->doNormal("$f.ok", 'x'));
    $log = [];
    $client->addTask("$f.ok", 'y');
    $client->runTasks();
    echo '  the next task: ', implode(' ', array_slice($log, -5)), "\n";
}
// Arguments missing: the context was not given.
$client = client();
function wants_two($task, $context) {}
$client->setCompleteCallback('wants_two');
$client->addTask("$f.ok", 'x');
tell('two parameters, no context', null, fn() => $client->runTasks());
--EXPECTF--
from Created true after Created
  do: "dresult", SUCCESS
  the next task: Created Status Data Warning Complete
from Status true after Created Status
  do: "dresult", SUCCESS
  the next task: Created Status Data Warning Complete
from Data true after Created Status Data
  do: "dresult", SUCCESS
  the next task: Created Status Data Warning Complete
from Warning true after Created Status Data Warning
  do: "dresult", SUCCESS
  the next task: Created Status Data Warning Complete
from Complete true after Created Status Data Warning Complete
  do: "dresult", SUCCESS
  the next task: Created Status Data Warning Complete
from Fail true after Created Fail
  do: "dresult", SUCCESS
  the next task: Created Status Data Warning Complete
from Exception true after Created Exception
  do: "dresult", SUCCESS
  the next task: Created Status Data Warning Complete
two parameters, no context: ArgumentCountError: Too few arguments to function wants_two(), 1 passed and exactly 2 expected
