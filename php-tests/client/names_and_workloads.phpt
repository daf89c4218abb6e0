--TEST--
Empty workloads, empty and long names and keys, and NUL bytes are refused; nothing is sent
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
$client = client();
$methods = ['do', 'doNormal', 'doHigh', 'doLow', 'doBackground', 'doHighBackground', 'doLowBackground',
    'addTask', 'addTaskHigh', 'addTaskLow', 'addTaskBackground', 'addTaskHighBackground', 'addTaskLowBackground'];
foreach ($methods as $method) {
    $call = fn(string $name, string $workload, ?string $key = null)
        => str_starts_with($method, 'do') ? $client->$method($name, $workload, $key) : $client->$method($name, $workload, null, $key);
    foreach ([
        'empty workload' => [$f, ''],
        'empty name' => ['', 'x'],
        'long name' => [str_pad($f, 513, 'x'), 'x'],
        'NUL in the name' => ["$f\0x", 'x'],
        'long key' => [$f, 'x', str_repeat('k', 65)],
        'NUL in the key' => [$f, 'x', "k\0k"],
    ] as $what => $arguments) {
        tell("$method, $what", $client, fn() => $call(...$arguments));
    }
}
tell('nothing was added', $client, fn() => $client->runTasks());
echo function_status($f)[0], " jobs\n";

// The longest that may be.
$longest = str_pad($f, 512, 'x');
echo json_encode($client->doBackground($longest, '0', str_repeat('k', 63)) !== ''), ' ', code($client->returnCode()), ' ', function_status($longest)[0], "\n";
tell('by the key', null, fn() => $client->jobStatusByUniqueKey(str_repeat('k', 63)));
$worker = worker([$longest => fn($job) => print(strlen($job->functionName()) . ' ' . strlen($job->unique()) . " {$job->workload()}\n")]);
$worker->work();
--EXPECT--
do, empty workload: "", warning of GearmanClient::do(), code 49
do, empty name: "", warning of GearmanClient::do(), code 49
do, long name: "", warning of GearmanClient::do(), code 49
do, NUL in the name: "", warning of GearmanClient::do(), code 49
do, long key: "", warning of GearmanClient::do(), code 49
do, NUL in the key: "", warning of GearmanClient::do(), code 49
doNormal, empty workload: "", warning of GearmanClient::doNormal(), code 49
doNormal, empty name: "", warning of GearmanClient::doNormal(), code 49
doNormal, long name: "", warning of GearmanClient::doNormal(), code 49
doNormal, NUL in the name: "", warning of GearmanClient::doNormal(), code 49
doNormal, long key: "", warning of GearmanClient::doNormal(), code 49
doNormal, NUL in the key: "", warning of GearmanClient::doNormal(), code 49
doHigh, empty workload: "", warning of GearmanClient::doHigh(), code 49
doHigh, empty name: "", warning of GearmanClient::doHigh(), code 49
doHigh, long name: "", warning of GearmanClient::doHigh(), code 49
doHigh, NUL in the name: "", warning of GearmanClient::doHigh(), code 49
doHigh, long key: "", warning of GearmanClient::doHigh(), code 49
doHigh, NUL in the key: "", warning of GearmanClient::doHigh(), code 49
doLow, empty workload: "", warning of GearmanClient::doLow(), code 49
doLow, empty name: "", warning of GearmanClient::doLow(), code 49
doLow, long name: "", warning of GearmanClient::doLow(), code 49
doLow, NUL in the name: "", warning of GearmanClient::doLow(), code 49
doLow, long key: "", warning of GearmanClient::doLow(), code 49
doLow, NUL in the key: "", warning of GearmanClient::doLow(), code 49
doBackground, empty workload: "", warning of GearmanClient::doBackground(), code 49
doBackground, empty name: "", warning of GearmanClient::doBackground(), code 49
doBackground, long name: "", warning of GearmanClient::doBackground(), code 49
doBackground, NUL in the name: "", warning of GearmanClient::doBackground(), code 49
doBackground, long key: "", warning of GearmanClient::doBackground(), code 49
doBackground, NUL in the key: "", warning of GearmanClient::doBackground(), code 49
doHighBackground, empty workload: "", warning of GearmanClient::doHighBackground(), code 49
doHighBackground, empty name: "", warning of GearmanClient::doHighBackground(), code 49
doHighBackground, long name: "", warning of GearmanClient::doHighBackground(), code 49
doHighBackground, NUL in the name: "", warning of GearmanClient::doHighBackground(), code 49
doHighBackground, long key: "", warning of GearmanClient::doHighBackground(), code 49
doHighBackground, NUL in the key: "", warning of GearmanClient::doHighBackground(), code 49
doLowBackground, empty workload: "", warning of GearmanClient::doLowBackground(), code 49
doLowBackground, empty name: "", warning of GearmanClient::doLowBackground(), code 49
doLowBackground, long name: "", warning of GearmanClient::doLowBackground(), code 49
doLowBackground, NUL in the name: "", warning of GearmanClient::doLowBackground(), code 49
doLowBackground, long key: "", warning of GearmanClient::doLowBackground(), code 49
doLowBackground, NUL in the key: "", warning of GearmanClient::doLowBackground(), code 49
addTask, empty workload: false, warning of GearmanClient::addTask(), code 49
addTask, empty name: false, warning of GearmanClient::addTask(), code 49
addTask, long name: false, warning of GearmanClient::addTask(), code 49
addTask, NUL in the name: false, warning of GearmanClient::addTask(), code 49
addTask, long key: false, warning of GearmanClient::addTask(), code 49
addTask, NUL in the key: false, warning of GearmanClient::addTask(), code 49
addTaskHigh, empty workload: false, warning of GearmanClient::addTaskHigh(), code 49
addTaskHigh, empty name: false, warning of GearmanClient::addTaskHigh(), code 49
addTaskHigh, long name: false, warning of GearmanClient::addTaskHigh(), code 49
addTaskHigh, NUL in the name: false, warning of GearmanClient::addTaskHigh(), code 49
addTaskHigh, long key: false, warning of GearmanClient::addTaskHigh(), code 49
addTaskHigh, NUL in the key: false, warning of GearmanClient::addTaskHigh(), code 49
addTaskLow, empty workload: false, warning of GearmanClient::addTaskLow(), code 49
addTaskLow, empty name: false, warning of GearmanClient::addTaskLow(), code 49
addTaskLow, long name: false, warning of GearmanClient::addTaskLow(), code 49
addTaskLow, NUL in the name: false, warning of GearmanClient::addTaskLow(), code 49
addTaskLow, long key: false, warning of GearmanClient::addTaskLow(), code 49
addTaskLow, NUL in the key: false, warning of GearmanClient::addTaskLow(), code 49
addTaskBackground, empty workload: false, warning of GearmanClient::addTaskBackground(), code 49
addTaskBackground, empty name: false, warning of GearmanClient::addTaskBackground(), code 49
addTaskBackground, long name: false, warning of GearmanClient::addTaskBackground(), code 49
addTaskBackground, NUL in the name: false, warning of GearmanClient::addTaskBackground(), code 49
addTaskBackground, long key: false, warning of GearmanClient::addTaskBackground(), code 49
addTaskBackground, NUL in the key: false, warning of GearmanClient::addTaskBackground(), code 49
addTaskHighBackground, empty workload: false, warning of GearmanClient::addTaskHighBackground(), code 49
addTaskHighBackground, empty name: false, warning of GearmanClient::addTaskHighBackground(), code 49
addTaskHighBackground, long name: false, warning of GearmanClient::addTaskHighBackground(), code 49
addTaskHighBackground, NUL in the name: false, warning of GearmanClient::addTaskHighBackground(), code 49
addTaskHighBackground, long key: false, warning of GearmanClient::addTaskHighBackground(), code 49
addTaskHighBackground, NUL in the key: false, warning of GearmanClient::addTaskHighBackground(), code 49
addTaskLowBackground, empty workload: false, warning of GearmanClient::addTaskLowBackground(), code 49
addTaskLowBackground, empty name: false, warning of GearmanClient::addTaskLowBackground(), code 49
addTaskLowBackground, long name: false, warning of GearmanClient::addTaskLowBackground(), code 49
addTaskLowBackground, NUL in the name: false, warning of GearmanClient::addTaskLowBackground(), code 49
addTaskLowBackground, long key: false, warning of GearmanClient::addTaskLowBackground(), code 49
addTaskLowBackground, NUL in the key: false, warning of GearmanClient::addTaskLowBackground(), code 49
nothing was added: true, SUCCESS
0 jobs
true SUCCESS 1
by the key: [true,false,0,0]
512 63 0
