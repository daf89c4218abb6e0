--TEST--
Named arguments work for methods and functions
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = new GearmanClient();
show('addServer', $client->addServer(port: PORT, host: HOST, setupExceptionHandler: false));
show('addServers', $client->addServers(setupExceptionHandler: false, servers: HOST . ':' . PORT));
$function = serve(fn(GearmanJob $job) => $job->unique() . ' ' . $job->workload());
show('doNormal', $client->doNormal(workload: 'work', function: $function, unique: 'key'));
show('gearman_client_do_high', gearman_client_do_high(unique: 'key', workload: 'work', function: $function, obj: $client));
$client->setCompleteCallback(function: fn(GearmanTask $task, ...$context) => show('complete', $task->data(), $context));
show('addTask without context', $client->addTask(function_name: $function, workload: 'work', unique_key: 'key'));
show('runTasks', $client->runTasks());
show('jobStatus', $client->jobStatus(job_handle: 'H:nobody:1'));
show('setTimeout', $client->setTimeout(timeout: 5), $client->timeout());
$worker = new GearmanWorker();
show('addFunction', $worker->addFunction(timeout: 3, function: fn() => '', function_name: 'f', context: 'c'));
show('unknown name', fn() => $client->doNormal(func: 'f', workload: 'x'));
show('given twice', fn() => $client->doNormal('f', 'x', function: 'f'));
show('one is missing', fn() => $client->doNormal(function: 'f'));
--EXPECT--
addServer: true
addServers: true
doNormal: 'key work'
gearman_client_do_high: 'key work'
addTask without context: a GearmanTask
complete: 'key work', [null]
runTasks: true
jobStatus: [false, false, 0, 0]
setTimeout: true, 5
addFunction: true
unknown name: Error: Unknown named parameter $func
given twice: Error: Named parameter $function overwrites previous argument
one is missing: ArgumentCountError: GearmanClient::doNormal() expects at least 2 arguments, 1 given
