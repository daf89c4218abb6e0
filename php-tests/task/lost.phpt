--TEST--
Tasks that were sent and lost end together, in one failed runTasks(); tasks that nobody could be sent go out with the next one
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

function run(string $what, GearmanClient $client): void
{
    tell($what, $client, fn() => $client->runTasks());
}

function logging(GearmanClient $client): ArrayObject
{
    $log = new ArrayObject();
    foreach (['Created', 'Complete', 'Fail'] as $event) {
        $client->{"set{$event}Callback"}(fn(GearmanTask $task) => $log[] = "$event {$task->unique()}");
    }
    return $log;
}

// A moment without a server: runTasks() became true at the fifth try, and none of the five was queued.
$server = start_gearmand();
$client = client($server->port);
$client->ping('x');
$server->stop(SIGKILL);
for ($i = 0; $i < 5; $i++) {
    $client->addTaskBackground('f', "job $i", null, "key$i");
}
run('down', $client);
run('still down', $client);
$server = start_gearmand(port: $server->port);
$log = logging($client);
run('up', $client);
show('queued', function_status('f', $server->port)[0]);
run('again', $client);
show('queued', function_status('f', $server->port)[0]);

// Ten tasks lost with a server: the next nine batches failed as well. One has its result, and its callback, before.
$lost = fake_server(function (FakePeer $peer) {
    for ($n = 0; $n < 10; $n++) {
        $key = explode("\0", $peer->until(GEARMAN_COMMAND_SUBMIT_JOB))[1];
        $n < 5 && $peer->res(GEARMAN_COMMAND_JOB_CREATED, "H:lost:$n");
    }
    $peer->res(GEARMAN_COMMAND_WORK_COMPLETE, 'H:lost:4', 'done');
});
$client = new GearmanClient();
$client->addServer(HOST, $lost->port, false);
$log = logging($client);
$tasks = array_map(fn($i) => $client->addTask('f', 'x', null, "key$i"), range(0, 9));
run('lost', $client);
show('error', str_contains($client->error(), 'lost connection'));
show('callbacks', (array) $log);
show('codes', array_map(fn(GearmanTask $task) => code($task), $tasks));
$lost->serve(function (FakePeer $peer) {
    for ($n = 0; $peer->until(GEARMAN_COMMAND_SUBMIT_JOB) !== null; $n++) {
        $peer->res(GEARMAN_COMMAND_JOB_CREATED, "H:found:$n");
        $peer->res(GEARMAN_COMMAND_WORK_COMPLETE, "H:found:$n", 'done');
    }
});
for ($batch = 1; $batch <= 3; $batch++) {
    $log->exchangeArray([]);
    $client->addTask('f', 'x', null, "batch$batch");
    run("batch $batch", $client);
    show('callbacks', (array) $log);
}

// Refused by a full queue: seven of ten. The callbacks of the other three came one in each of the next calls.
admin('create function full', $server->port);
admin('maxqueue full 3', $server->port);
$client = client($server->port);
$log = logging($client);
$tasks = array_map(fn($i) => $client->addTaskBackground('full', 'x', null, "key$i"), range(0, 9));
run('full', $client);
show('callbacks', (array) $log);
show('codes', array_map(fn(GearmanTask $task) => code($task), $tasks));
run('afterwards', $client);
show('created, queued', count($log), function_status('full', $server->port)[0]);
--EXPECT--
down: false, warning of GearmanClient::runTasks(), COULD_NOT_CONNECT
still down: false, warning of GearmanClient::runTasks(), COULD_NOT_CONNECT
up: true, SUCCESS
queued: 5
again: true, SUCCESS
queued: 5
lost: false, warning of GearmanClient::runTasks(), LOST_CONNECTION
error: true
callbacks: ['Created key0', 'Created key1', 'Created key2', 'Created key3', 'Created key4', 'Complete key4']
codes: [LOST_CONNECTION, LOST_CONNECTION, LOST_CONNECTION, LOST_CONNECTION, SUCCESS, LOST_CONNECTION, LOST_CONNECTION, LOST_CONNECTION, LOST_CONNECTION, LOST_CONNECTION]
batch 1: true, SUCCESS
callbacks: ['Created batch1', 'Complete batch1']
batch 2: true, SUCCESS
callbacks: ['Created batch2', 'Complete batch2']
batch 3: true, SUCCESS
callbacks: ['Created batch3', 'Complete batch3']
full: false, warning of GearmanClient::runTasks(), QUEUE_ERROR
callbacks: ['Created key0', 'Created key1', 'Created key2']
codes: [SUCCESS, SUCCESS, SUCCESS, QUEUE_ERROR, QUEUE_ERROR, QUEUE_ERROR, QUEUE_ERROR, QUEUE_ERROR, QUEUE_ERROR, QUEUE_ERROR]
afterwards: true, SUCCESS
created, queued: 3, 3
