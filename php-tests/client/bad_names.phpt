--TEST--
Empty and too long function names and keys, and empty workloads, are refused and nothing is sent
--FILE--
<?php
require __DIR__ . '/../api.inc';

$of = fn(int $length, string $start = '') => str_pad($start, $length, 'n');
$client = client();
$function = unique_function_name();
foreach (['do', 'doNormal', 'doHigh', 'doLow', 'doBackground', 'doHighBackground', 'doLowBackground'] as $method) {
    echo "$method\n";
    show('- empty name', $client->$method('', 'x'), code($client), (string) $client->error() !== '');
    show('- name of 513 bytes', $client->$method($of(513), 'x'), code($client));
    show('- key of 65 bytes', $client->$method($function, 'x', $of(65)), code($client));
    show('- empty workload', $client->$method($function, ''), code($client), (string) $client->error() !== '');
}
foreach (['addTask', 'addTaskHigh', 'addTaskLow', 'addTaskBackground', 'addTaskHighBackground', 'addTaskLowBackground'] as $method) {
    echo "$method\n";
    show('- empty name', $client->$method('', 'x'), code($client));
    show('- name of 513 bytes', $client->$method($of(513), 'x'), code($client));
    show('- key of 65 bytes', $client->$method($function, 'x', null, $of(65)), code($client));
    show('- empty workload', $client->$method($function, ''), code($client));
}
show('no task was added', $client->runTasks(), code($client));
show('the server knows nothing of it', function_status($function));

$longest = $of(512, unique_function_name());
show('512 bytes and a key of 63', $client->doBackground($longest, 'x', $of(63)), code($client));
$worker = worker([$longest => fn(GearmanJob $job) => show('job', strlen($job->functionName()), strlen($job->unique()))]);
show('work', $worker->work());
--EXPECT--
do
  Warning: GearmanClient::do()
- empty name: '', INVALID_ARGUMENT, true
  Warning: GearmanClient::do()
- name of 513 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::do()
- key of 65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::do()
- empty workload: '', INVALID_ARGUMENT, true
doNormal
  Warning: GearmanClient::doNormal()
- empty name: '', INVALID_ARGUMENT, true
  Warning: GearmanClient::doNormal()
- name of 513 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doNormal()
- key of 65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doNormal()
- empty workload: '', INVALID_ARGUMENT, true
doHigh
  Warning: GearmanClient::doHigh()
- empty name: '', INVALID_ARGUMENT, true
  Warning: GearmanClient::doHigh()
- name of 513 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doHigh()
- key of 65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doHigh()
- empty workload: '', INVALID_ARGUMENT, true
doLow
  Warning: GearmanClient::doLow()
- empty name: '', INVALID_ARGUMENT, true
  Warning: GearmanClient::doLow()
- name of 513 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doLow()
- key of 65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doLow()
- empty workload: '', INVALID_ARGUMENT, true
doBackground
  Warning: GearmanClient::doBackground()
- empty name: '', INVALID_ARGUMENT, true
  Warning: GearmanClient::doBackground()
- name of 513 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doBackground()
- key of 65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doBackground()
- empty workload: '', INVALID_ARGUMENT, true
doHighBackground
  Warning: GearmanClient::doHighBackground()
- empty name: '', INVALID_ARGUMENT, true
  Warning: GearmanClient::doHighBackground()
- name of 513 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doHighBackground()
- key of 65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doHighBackground()
- empty workload: '', INVALID_ARGUMENT, true
doLowBackground
  Warning: GearmanClient::doLowBackground()
- empty name: '', INVALID_ARGUMENT, true
  Warning: GearmanClient::doLowBackground()
- name of 513 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doLowBackground()
- key of 65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::doLowBackground()
- empty workload: '', INVALID_ARGUMENT, true
addTask
  Warning: GearmanClient::addTask()
- empty name: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTask()
- name of 513 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTask()
- key of 65 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTask()
- empty workload: false, INVALID_ARGUMENT
addTaskHigh
  Warning: GearmanClient::addTaskHigh()
- empty name: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskHigh()
- name of 513 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskHigh()
- key of 65 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskHigh()
- empty workload: false, INVALID_ARGUMENT
addTaskLow
  Warning: GearmanClient::addTaskLow()
- empty name: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskLow()
- name of 513 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskLow()
- key of 65 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskLow()
- empty workload: false, INVALID_ARGUMENT
addTaskBackground
  Warning: GearmanClient::addTaskBackground()
- empty name: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskBackground()
- name of 513 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskBackground()
- key of 65 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskBackground()
- empty workload: false, INVALID_ARGUMENT
addTaskHighBackground
  Warning: GearmanClient::addTaskHighBackground()
- empty name: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskHighBackground()
- name of 513 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskHighBackground()
- key of 65 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskHighBackground()
- empty workload: false, INVALID_ARGUMENT
addTaskLowBackground
  Warning: GearmanClient::addTaskLowBackground()
- empty name: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskLowBackground()
- name of 513 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskLowBackground()
- key of 65 bytes: false, INVALID_ARGUMENT
  Warning: GearmanClient::addTaskLowBackground()
- empty workload: false, INVALID_ARGUMENT
no task was added: true, SUCCESS
the server knows nothing of it: [0, 0, 0]
512 bytes and a key of 63: a handle, SUCCESS
job: 512, 63
work: true
