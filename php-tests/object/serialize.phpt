--TEST--
serialize() gives an empty object, unserialize() an unconnected one
--FILE--
<?php
require __DIR__ . '/../api.inc';

class Sub extends GearmanClient
{
    public string $name = 'kept';
}
foreach ([GearmanClient::class, GearmanWorker::class, GearmanJob::class, GearmanTask::class] as $class) {
    $text = serialize(new $class());
    show($class, $text, unserialize($text));
}
$client = client();
$client->setContext('not serialized');
$client->addTask('f', 'x');
$copy = unserialize(serialize($client));
show('a connected client', $copy->context(), @$copy->ping('x'), code($copy), $client->ping('x'));
show('is usable', $copy->addServer(HOST, PORT), $copy->ping('x'), $copy->doBackground(unique_function_name(), 'x'));
$copy = unserialize(serialize(worker()));
show('a worker', @$copy->work(), code($copy));
show('is usable', $copy->addServer(HOST, PORT), $copy->ping('x'));
$copy = unserialize(serialize(new Sub()));
show('a subclass', $copy, $copy->name, $copy->options());
show('job', ($job = unserialize('O:10:"GearmanJob":0:{}'))->workload(), @$job->sendComplete('x'), code($job));
show('task', ($task = unserialize('O:11:"GearmanTask":0:{}'))->data(), $task->recvData(5), code($task));
--EXPECT--
GearmanClient: 'O:13:"GearmanClient":0:{}', a GearmanClient
GearmanWorker: 'O:13:"GearmanWorker":0:{}', a GearmanWorker
GearmanJob: 'O:10:"GearmanJob":0:{}', a GearmanJob
GearmanTask: 'O:11:"GearmanTask":0:{}', a GearmanTask
a connected client: '', false, NO_SERVERS, true
is usable: true, true, a handle
a worker: false, NO_SERVERS
is usable: true, true
a subclass: a Sub, 'kept', 32
job: '', false, INVALID_ARGUMENT
task: false, false, SUCCESS
