--TEST--
wait() and runTasks() of a NON_BLOCKING client; wait() without anything to wait for
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = new GearmanClient();
show('no servers', $client->wait(), code($client), (string) $client->error() !== '');
$client->addServer(HOST, PORT);
show('nothing to wait for', $client->wait(), code($client));

$echo = unique_function_name();
$worker = worker([$echo => fn(GearmanJob $job) => $job->workload()]);
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$client->setTimeout(10000);
$results = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$results) { $results[] = $task->data(); });
foreach (['a', 'b', 'c'] as $workload) {
    $client->addTask($echo, $workload);
}
show('runTasks, no job done', $client->runTasks(), code($client));
$waits = [];
$worker->setTimeout(10);
while (count($results) < 3) {
    if ($worker->work()) { // then there is a result to wait for
        $waits[] = $client->wait() && $client->returnCode() === GEARMAN_SUCCESS;
    }
    $client->runTasks() || print("runTasks() failed\n");
}
show('wait', $waits);
show('runTasks, all done', $client->runTasks(), code($client), $results);

$client->setTimeout(20);
$client->addTask(unique_function_name('nobody'), 'x');
while ($client->runTasks() && @$client->wait());
// Without a warning, which an error handler of a framework would throw: `while ($client->runTasks() && ...) $client->wait();`
show('timeout of wait()', $client->wait(), code($client));
--EXPECT--
  Warning: GearmanClient::wait()
no servers: false, NO_ACTIVE_FDS, true
  Warning: GearmanClient::wait()
nothing to wait for: false, NO_ACTIVE_FDS
runTasks, no job done: true, IO_WAIT
wait: [true, true, true]
runTasks, all done: true, SUCCESS, ['a', 'b', 'c']
timeout of wait(): false, TIMEOUT
