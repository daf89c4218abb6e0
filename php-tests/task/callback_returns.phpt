--TEST--
What callbacks return: plain values go on, PAUSE and other codes leave runTasks(), the next one resumes
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([$f => function ($job) {
    $job->sendData('1');
    $job->sendData('2');
    return '3';
}]);
$client = client();
$returns = [];
$show = function (string $event) use (&$returns) {
    return function ($task) use ($event, &$returns) {
        $value = array_shift($returns);
        echo "$event {$task->data()} returns ", json_encode($value), "\n";
        return $value;
    };
};
$client->setCreatedCallback($show('created'));
$client->setDataCallback($show('data'));
$client->setCompleteCallback($show('complete'));

$returns = [null, false, 0, ''];
$client->addTask($f, 'x');
tell('run', $client, fn() => $client->runTasks());
$returns = ['text', [], 0.4, '0'];
$client->addTask($f, 'x');
tell('run', $client, fn() => $client->runTasks());

// Each callback pauses once, and is called again for the same packet.
$returns = [GEARMAN_PAUSE, 0, (string) GEARMAN_WORK_DATA, 0, 0, GEARMAN_WORK_FAIL, 0];
$client->addTask($f, 'x');
for ($i = 1; $i <= 4; $i++) {
    tell("run $i", $client, fn() => $client->runTasks());
}
tell('nothing left', $client, fn() => $client->runTasks());

// A failing code: a warning.
$returns = [0, GEARMAN_LOST_CONNECTION, 0, 0, 0];
$client->addTask($f, 'x');
tell('run', $client, fn() => $client->runTasks());
tell('run', $client, fn() => $client->runTasks());
tell('do', $client, fn() => $client->doNormal($f, 'x'));
--EXPECT--
created  returns null
data 1 returns false
data 2 returns 0
complete 3 returns ""
run: true, SUCCESS
created  returns "text"
data 1 returns []
data 2 returns 0.4
complete 3 returns "0"
run: true, SUCCESS
created  returns 38
run 1: true, PAUSE
created  returns 0
data 1 returns "20"
run 2: true, WORK_DATA
data 1 returns 0
data 2 returns 0
complete 3 returns 24
run 3: true, WORK_FAIL
complete 3 returns 0
run 4: true, SUCCESS
nothing left: true, SUCCESS
created  returns 0
data 1 returns 14
run: false, warning of GearmanClient::runTasks(), LOST_CONNECTION
data 1 returns 0
data 2 returns 0
complete 3 returns 0
run: true, SUCCESS
do: "123", SUCCESS
