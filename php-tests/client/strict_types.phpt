--TEST--
Under strict_types nothing is converted
--FILE--
<?php
declare(strict_types=1);
require __DIR__ . '/../api.inc';

$client = client();
$worker = worker();
foreach ([
    'int as workload' => fn() => $client->doBackground('f', 5),
    'float as workload' => fn() => $client->doNormal('f', 1.5),
    'int as key' => fn() => $client->doBackground('f', 'x', 5),
    'bool as key of a task' => fn() => $client->addTask('f', 'x', null, true),
    'text as port' => fn() => $client->addServer(HOST, '4730'),
    'int as bool' => fn() => $client->addServer(HOST, PORT, 1),
    'float as timeout' => fn() => $client->setTimeout(5.0),
    'int as name of a function' => fn() => $worker->register(5),
    'int as id' => fn() => $worker->setId(5),
    'null as workload' => fn() => $client->doBackground('f', null),
    'int as return code is right' => fn() => (new GearmanJob())->setReturn(GEARMAN_WORK_FAIL),
    'text as return code' => fn() => (new GearmanJob())->setReturn('24'),
    'int as data' => fn() => (new GearmanJob())->sendData(1),
] as $what => $call) {
    show($what, $call);
}
show('int as workload of a task is declared', fn() => $client->addTask('f', 5));
show('float as workload of a task, too', fn() => $client->addTask('f', 5.5));
--EXPECTF--
int as workload: TypeError: GearmanClient::doBackground(): Argument #2 ($workload) must be of type string, int given
float as workload: TypeError: GearmanClient::doNormal(): Argument #2 ($workload) must be of type string, float given
int as key: TypeError: GearmanClient::doBackground(): Argument #3 ($unique) must be of type ?string, int given
bool as key of a task: TypeError: GearmanClient::addTask(): Argument #4 ($unique_key) must be of type ?string, %r(bool|true)%r given
text as port: TypeError: GearmanClient::addServer(): Argument #2 ($port) must be of type int, string given
int as bool: TypeError: GearmanClient::addServer(): Argument #3 ($setupExceptionHandler) must be of type bool, int given
float as timeout: TypeError: GearmanClient::setTimeout(): Argument #1 ($timeout) must be of type int, float given
int as name of a function: TypeError: GearmanWorker::register(): Argument #1 ($function_name) must be of type string, int given
int as id: TypeError: GearmanWorker::setId(): Argument #1 ($id) must be of type string, int given
null as workload: TypeError: GearmanClient::doBackground(): Argument #2 ($workload) must be of type string, null given
int as return code is right: true
text as return code: TypeError: GearmanJob::setReturn(): Argument #1 ($gearman_return_t) must be of type int, string given
int as data: TypeError: GearmanJob::sendData(): Argument #1 ($data) must be of type string, int given
int as workload of a task is declared: a GearmanTask
float as workload of a task, too: a GearmanTask
