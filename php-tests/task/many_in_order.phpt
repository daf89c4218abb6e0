--TEST--
10,000 tasks: sent and ended in the order they were added, each with its own context
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([$f => fn($job) => "r{$job->workload()}"]);
$client = client();
$created = $completed = [];
$client->setCreatedCallback(function ($task, $n) use (&$created) { $created[] = $n; });
$client->setCompleteCallback(function ($task, $n) use (&$completed) {
    $task->data() === "r$n" && $task->unique() === "key $n" || print("task $n: {$task->data()}\n");
    $completed[] = $n;
});
for ($n = 0; $n < 10000; $n++) {
    $client->addTask($f, (string) $n, $n, "key $n");
}
tell('run', $client, fn() => $client->runTasks());
$expected = range(0, 9999);
echo json_encode([$created === $expected, $completed === $expected]), "\n";
echo json_encode(array_slice(function_status($f), 0, 2)), "\n";
--EXPECT--
run: true, SUCCESS
[true,true]
[0,0]
