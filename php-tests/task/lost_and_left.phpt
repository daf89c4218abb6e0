--TEST--
A failure is told once, also where runTasks() is left before all is done: by a timeout, a callback, without waiting, in a nested call
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

// Refuses jobs with the workload "no", does "yes", and never answers for "never".
$server = fake_server(function (FakePeer $peer) {
    for ($n = 0; ($job = $peer->until(GEARMAN_COMMAND_SUBMIT_JOB)) !== null; $n++) {
        $workload = substr(strrchr($job, "\0"), 1);
        if ($workload === 'no') {
            $peer->res(GEARMAN_COMMAND_ERROR, 'QUEUE_ERROR', 'Job queue is full');
            continue;
        }
        $peer->res(GEARMAN_COMMAND_JOB_CREATED, "H:x:$n");
        $workload === 'yes' && $peer->res(GEARMAN_COMMAND_WORK_COMPLETE, "H:x:$n", 'done');
    }
});

function run(string $what, GearmanClient $client): void
{
    tell($what, $client, fn() => $client->runTasks());
}

function tasks(int $port, string ...$workloads): GearmanClient
{
    $client = new GearmanClient();
    $client->addServer(HOST, $port, false);
    foreach ($workloads as $n => $workload) {
        $client->addTask('f', $workload, "$n", "key$n");
    }
    return $client;
}

$client = tasks($server->port, 'no', 'never', 'no');
$client->setTimeout(100);
run('before a timeout', $client);
run('then', $client);
run('then', $client);

foreach (['a code' => fn() => GEARMAN_WORK_FAIL, 'a pause' => fn() => GEARMAN_PAUSE, 'an exception' => fn() => throw new LogicException('stop')] as $what => $leave) {
    $client = tasks($server->port);
    $client->setCompleteCallback(function () use ($leave, &$left) { return $left++ ? null : $leave(); });
    $left = 0;
    array_map(fn($workload) => $client->addTask('f', $workload), ['no', 'yes', 'yes']);
    run($what, $client);
    run('then', $client);
    run('then', $client);
}

$client = tasks($server->port);
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$client->setCompleteCallback(fn(GearmanTask $task, string $context) => show('complete', $context));
array_map(fn($workload) => $client->addTask('f', $workload, $workload), ['no', 'yes', 'no', 'yes']);
$waits = 0;
while (($ran = $client->runTasks()) && $client->returnCode() === GEARMAN_IO_WAIT) {
    $client->wait() || $waits++;
}
show('without waiting', $ran, code($client), $waits);
run('then', $client);

$client = tasks($server->port);
$client->setCompleteCallback(function () use ($client) {
    run('nested', $client);
});
$client->addTask('f', 'no');
$client->addTask('f', 'yes');
run('around it', $client);

// Nobody there, without waiting: told by runTasks(), and waiting for it comes to an end.
$server->close();
unset($server);
$port = free_port();
$client = tasks($port, 'yes');
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$waits = 0;
while (($ran = $client->runTasks()) && $client->returnCode() === GEARMAN_IO_WAIT) {
    $client->wait() || $waits++;
}
show('nobody there', $ran, code($client), $waits);
--EXPECT--
before a timeout: false, warning of GearmanClient::runTasks(), QUEUE_ERROR
then: false, warning of GearmanClient::runTasks(), TIMEOUT
then: false, warning of GearmanClient::runTasks(), TIMEOUT
a code: true, WORK_FAIL
then: false, warning of GearmanClient::runTasks(), QUEUE_ERROR
then: true, SUCCESS
a pause: true, PAUSE
then: false, warning of GearmanClient::runTasks(), QUEUE_ERROR
then: true, SUCCESS
an exception: LogicException: stop, SUCCESS
then: false, warning of GearmanClient::runTasks(), QUEUE_ERROR
then: true, SUCCESS
complete: 'yes'
complete: 'yes'
  Warning: GearmanClient::runTasks()
without waiting: false, QUEUE_ERROR, 0
then: true, SUCCESS
nested: false, warning of GearmanClient::runTasks(), QUEUE_ERROR
around it: true, SUCCESS
  Warning: GearmanClient::runTasks()
nobody there: false, COULD_NOT_CONNECT, 0
