--TEST--
UNBUFFERED_RESULT: recvData() takes the result piece by piece
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([$f => fn($job) => $job->workload(), "$f.data" => function ($job) { $job->sendData('piece'); return 'result'; }]);
$client = client();
$client->addOptions(GEARMAN_CLIENT_UNBUFFERED_RESULT);
$client->setCompleteCallback(function (GearmanTask $task) {
    echo json_encode($task->data()), ' ', $task->dataSize(), ':';
    do {
        [$length, $piece] = $task->recvData(4);
        echo ' ', json_encode([$length, $piece]);
    } while ($length > 0);
    echo "\n";
});
$client->addTask($f, '0123456789');
tell('run', $client, fn() => $client->runTasks());

$client->setCompleteCallback(function (GearmanTask $task) use (&$all) {
    $all = '';
    while (([$length, $piece] = $task->recvData(8192)) && $length > 0) {
        strlen($piece) === $length || print("not $length\n");
        $all .= $piece;
    }
});
$large = random_bytes(1 << 20);
$client->addTask($f, $large);
tell('run', $client, fn() => $client->runTasks());
var_dump($all === $large);

// Not taken, or in part: the next one is not disturbed.
foreach (['not taken', 'in part', 'whole'] as $how) {
    $client->setCompleteCallback(function (GearmanTask $task) use ($how) {
        $how === 'not taken' || print(json_encode($task->recvData($how === 'whole' ? 100 : 2)) . "\n");
    });
    $client->addTask($f, "result $how");
    tell('run', $client, fn() => $client->runTasks());
}
$client->removeOptions(GEARMAN_CLIENT_UNBUFFERED_RESULT);
$client->setCompleteCallback(function (GearmanTask $task) { echo $task->data(), ' ', $task->dataSize(), "\n"; });
$client->addTask($f, 'buffered');
tell('run', $client, fn() => $client->runTasks());
--EXPECT--
false 10: [4,"0123"] [4,"4567"] [2,"89"] [0,""]
run: true, SUCCESS
run: true, SUCCESS
bool(true)
run: true, SUCCESS
[2,"re"]
run: true, SUCCESS
[12,"result whole"]
run: true, SUCCESS
buffered 8
run: true, SUCCESS
