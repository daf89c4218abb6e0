--TEST--
TypeError under strict_types for what would otherwise be converted; ArgumentCountError; unknown names
--FILE--
<?php
declare(strict_types=1);
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
$client = client();
$worker = worker();
tell('workload int', null, fn() => $client->doNormal($f, 5));
tell('name int', null, fn() => $client->doBackground(5, 'x'));
tell('key int', null, fn() => $client->doBackground($f, 'x', 5));
tell('Stringable', null, fn() => $client->doBackground($f, new class { function __toString() { return 'x'; } }));
tell('port as text', null, fn() => $client->addServer(HOST, (string) PORT));
tell('timeout as text', null, fn() => $client->setTimeout('5'));
tell('option float', null, fn() => $client->setOptions(2.0));
tell('worker timeout null', null, fn() => $worker->setTimeout(null));
tell('id int', null, fn() => $worker->setId(5));
tell('twin', null, fn() => gearman_client_do_normal($client, $f, 5));
tell('twin without object', null, fn() => gearman_client_do_normal(null, $f, 'x'));
tell('too few', null, fn() => $client->doNormal($f));
tell('too many', null, fn() => $client->doNormal($f, 'x', 'k', 'more'));
tell('too many', null, fn() => $client->returnCode(1));
tell('constructor', null, fn() => new GearmanClient(1));
tell('constructor', null, fn() => gearman_worker_create(1));
tell('unknown name', null, fn() => $client->doNormal($f, 'x', colour: 'red'));
tell('twice', null, fn() => $client->doNormal($f, 'x', function: 'y'));
echo function_status($f)[0], ' jobs, ', code($client->returnCode()), "\n";
--EXPECT--
workload int: TypeError: GearmanClient::doNormal(): Argument #2 ($workload) must be of type string, int given
name int: TypeError: GearmanClient::doBackground(): Argument #1 ($function) must be of type string, int given
key int: TypeError: GearmanClient::doBackground(): Argument #3 ($unique) must be of type ?string, int given
Stringable: TypeError: GearmanClient::doBackground(): Argument #2 ($workload) must be of type string, Stringable@anonymous given
port as text: TypeError: GearmanClient::addServer(): Argument #2 ($port) must be of type int, string given
timeout as text: TypeError: GearmanClient::setTimeout(): Argument #1 ($timeout) must be of type int, string given
option float: TypeError: GearmanClient::setOptions(): Argument #1 ($option) must be of type int, float given
worker timeout null: TypeError: GearmanWorker::setTimeout(): Argument #1 ($timeout) must be of type int, null given
id int: TypeError: GearmanWorker::setId(): Argument #1 ($id) must be of type string, int given
twin: TypeError: gearman_client_do_normal(): Argument #3 ($workload) must be of type string, int given
twin without object: TypeError: gearman_client_do_normal(): Argument #1 ($obj) must be of type GearmanClient, null given
too few: ArgumentCountError: GearmanClient::doNormal() expects at least 2 arguments, 1 given
too many: ArgumentCountError: GearmanClient::doNormal() expects at most 3 arguments, 4 given
too many: ArgumentCountError: GearmanClient::returnCode() expects exactly 0 arguments, 1 given
constructor: ArgumentCountError: GearmanClient::__construct() expects exactly 0 arguments, 1 given
constructor: ArgumentCountError: gearman_worker_create() expects exactly 0 arguments, 1 given
unknown name: Error: Unknown named parameter $colour
twice: Error: Named parameter $function overwrites previous argument
0 jobs, SUCCESS
