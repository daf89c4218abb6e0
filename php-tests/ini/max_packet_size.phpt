--TEST--
gearman.max_packet_size: a larger result is a warning and DATA_TOO_LARGE, not the end of memory
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = serve(fn(GearmanJob $job) => str_repeat('r', (int) $job->workload()));
$data = serve(fn(GearmanJob $job) => $job->sendData(str_repeat('d', (int) $job->workload())) ? '' : 'not sent');
ini_set('gearman.max_packet_size', '10000');
$client = client();
show('fits', strlen($client->doNormal($function, '9000')), code($client));
foreach (['result' => $function, 'data' => $data] as $what => $name) {
    show("$what too large", $client->doNormal($name, '20000'), code($client), (string) $client->error() !== '');
    show('afterwards', strlen($client->doNormal($function, '100')), code($client));
}
$client->setCompleteCallback(fn(GearmanTask $task) => show('complete', $task->dataSize()));
$client->addTask($function, '20000');
show('runTasks', $client->runTasks(), code($client));

// Read once per object.
ini_set('gearman.max_packet_size', '1M');
show('an older client', @$client->doNormal($function, '20000'), code($client));
$client = client();
show('a newer one', strlen($client->doNormal($function, '20000')), code($client));
--EXPECT--
fits: 9000, SUCCESS
  Warning: GearmanClient::doNormal()
result too large: '', DATA_TOO_LARGE, true
afterwards: 100, SUCCESS
  Warning: GearmanClient::doNormal()
data too large: '', DATA_TOO_LARGE, true
afterwards: 100, SUCCESS
  Warning: GearmanClient::runTasks()
runTasks: false, DATA_TOO_LARGE
an older client: '', DATA_TOO_LARGE
a newer one: 20000, SUCCESS
