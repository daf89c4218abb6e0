--TEST--
do*, addTask(), runTasks() and ping() of the same client inside a task callback
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([$f => fn($job) => "<{$job->workload()}>", "$f.data" => function ($job) { $job->sendData('d'); return 'r'; }]);
serve_all([$f => fn($job) => "<{$job->workload()}>", "$f.data" => function ($job) { $job->sendData('d'); return 'r'; }]);
$client = client();
$client->setTimeout(10000);

echo "do in every callback:\n";
foreach (['Created', 'Data', 'Complete'] as $event) {
    $client->{"set{$event}Callback"}(function ($task) use ($client, $f, $event) {
        echo "  $event {$task->data()} ";
        tell('do', null, fn() => $client->doNormal($f, "inside $event"));
    });
}
for ($i = 0; $i < 3; $i++) {
    $client->addTask("$f.data", 'x', null, "key $i");
    tell('run', $client, fn() => $client->runTasks());
}

echo "others:\n";
$client->clearCallbacks();
$client->setCompleteCallback(function ($task) use ($client, $f) {
    tell('  ping', null, fn() => $client->ping('x'));
    tell('  jobStatus', null, fn() => $client->jobStatus($task->jobHandle()));
    tell('  jobStatusByUniqueKey', null, fn() => $client->jobStatusByUniqueKey('no such'));
    tell('  doBackground', null, fn() => $client->doBackground($f, 'x') !== '');
    echo '  still ', $task->data(), "\n";
});
$client->addTask($f, 'x');
tell('run', $client, fn() => $client->runTasks());

echo "tasks added in callbacks:\n";
$client->setCompleteCallback(function ($task) use ($client, $f) {
    echo '  ', $data = $task->data(), "\n";
    strlen($data) < 7 && $client->addTask($f, $data);
});
$client->addTask($f, 'x');
tell('run', $client, fn() => $client->runTasks());

echo "runTasks() inside:\n";
$depth = 0;
$client->setCompleteCallback(function ($task) use ($client, $f, &$depth) {
    echo '  ', $task->data(), "\n";
    if ($depth++ === 0) {
        $client->addTask($f, 'inner');
        try {
            $inner = @$client->runTasks();
        } catch (Throwable $e) {
            $inner = get_class($e);
        }
        is_bool($inner) || print("  $inner\n");
    }
});
$client->addTask($f, 'outer');
tell('run', $client, fn() => $client->runTasks());
echo "$depth tasks\n";
tell('do', $client, fn() => $client->doNormal($f, 'after'));
--EXPECT--
do in every callback:
  Created  do: "<inside Created>"
  Data d do: "<inside Data>"
  Complete r do: "<inside Complete>"
run: true, SUCCESS
  Created  do: "<inside Created>"
  Data d do: "<inside Data>"
  Complete r do: "<inside Complete>"
run: true, SUCCESS
  Created  do: "<inside Created>"
  Data d do: "<inside Data>"
  Complete r do: "<inside Complete>"
run: true, SUCCESS
others:
  ping: true
  jobStatus: [false,false,0,0]
  jobStatusByUniqueKey: [false,false,0,0]
  doBackground: true
  still <x>
run: true, SUCCESS
tasks added in callbacks:
  <x>
  <<x>>
  <<<x>>>
run: true, SUCCESS
runTasks() inside:
  <outer>
  <inner>
run: true, SUCCESS
2 tasks
do: "<after>", SUCCESS
