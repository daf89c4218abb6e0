--TEST--
Scalars are converted as PHP does; null is silent only where it may be given; named arguments
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
serve([$f => fn($job) => $job->workload(), '42' => fn($job) => 'of 42']);
$client = client();
$stringable = new class { function __toString() { return 'stringable'; } };
foreach ([5, -1, 1.5, 1e100, true, $stringable] as $value) {
    tell('do', $client, fn() => $client->doNormal($f, $value));
}
tell('name', $client, fn() => $client->doNormal(42, 'x'));
tell('array', null, fn() => $client->doNormal($f, []));
tell('object', null, fn() => $client->doNormal($f, new stdClass()));
tell('timeout', null, fn() => $client->setTimeout('5000') && $client->timeout() === 5000);
tell('timeout', null, fn() => $client->setTimeout('much'));
tell('null workload', $client, fn() => $client->doNormal($f, null));
tell('null key', $client, fn() => $client->doNormal($f, 'x', null));
tell('null server', null, fn() => (new GearmanClient())->addServer(null, 0, false));
tell('null servers', null, fn() => (new GearmanClient())->addServers(null, false));
tell('named', $client, fn() => $client->doNormal(workload: 'x', function: $f));
tell('named', $client, fn() => $client->doNormal(unique: 'k', workload: 'x', function: $f));
tell('named', $client, fn() => (new GearmanClient())->addServer(port: PORT, setupExceptionHandler: false));
tell('named', null, fn() => gearman_client_do_normal(obj: $client, workload: 'x', function: $f));

$client->setCompleteCallback(function (...$arguments) { echo $arguments[0]->data(), ' ', json_encode(array_slice($arguments, 1)), "\n"; });
foreach ([7, 2.5, true, $stringable] as $value) {
    $client->addTask($f, $value);
    $client->runTasks();
}
tell('task of an array', null, fn() => $client->addTask($f, []));
tell('named', null, fn() => $client->addTask(workload: 'w', function_name: $f, unique_key: 'k'));
$client->runTasks();
tell('named', null, fn() => $client->addTask(workload: 'w', function_name: $f, context: null));
$client->runTasks();
--EXPECT--
do: "5", SUCCESS
do: "-1", SUCCESS
do: "1.5", SUCCESS
do: "1.0E+100", SUCCESS
do: "1", SUCCESS
do: "stringable", SUCCESS
name: "of 42", SUCCESS
array: TypeError: GearmanClient::doNormal(): Argument #2 ($workload) must be of type string, array given
object: TypeError: GearmanClient::doNormal(): Argument #2 ($workload) must be of type string, stdClass given
timeout: true
timeout: TypeError: GearmanClient::setTimeout(): Argument #1 ($timeout) must be of type int, string given
null workload: "", deprecated: GearmanClient::doNormal(): Passing null to parameter #2 ($workload) of type string is deprecated, warning of GearmanClient::doNormal(), code 49
null key: "x", SUCCESS
null server: true
null servers: true
named: "x", SUCCESS
named: "x", SUCCESS
named: true, SUCCESS
named: "x"
7 []
2.5 []
1 []
stringable []
task of an array: TypeError: GearmanClient::addTask(): Argument #2 ($workload) must be of type string|int|float, array given
named: GearmanTask
w [null]
named: GearmanTask
w [null]
