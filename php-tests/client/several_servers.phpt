--TEST--
Several servers: a job goes to one that is up; the worker serves all that are up
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$down = start_gearmand();
$down->stop();
$up = [start_gearmand(), start_gearmand()];
$ports = [$up[0]->port, $down->port, $up[1]->port];
$client = new GearmanClient();
$worker = new GearmanWorker();
foreach ($ports as $port) {
    $client->addServer(HOST, $port, false);
    $worker->addServer(HOST, $port, false);
}
show('jobs for a server that is up', array_map(fn($i) => $client->doBackground('f', "job $i"), range(0, 4)), code($client));
show('jobStatus', $client->jobStatus($client->doJobHandle()), code($client));

// One job on each of the servers: the worker finds both.
foreach ($up as $n => $server) {
    client($server->port)->doBackground('g', "on server $n");
}
$worker->addFunction('g', function (GearmanJob $job) use (&$seen) { $seen[] = $job->workload(); });
show('work', $worker->work(), code($worker), $worker->work(), code($worker));
sort($seen);
show('worker saw', $seen);

// Foreground jobs, with a worker on each of the two.
$echo = unique_function_name();
foreach ($up as $server) {
    spawn(function () use ($echo, $server) {
        $worker = worker([$echo => fn(GearmanJob $job) => $job->workload()], $server->port);
        while (@$worker->work()); // warns when the test ends and the server goes first
    }, clean: false);
}
for ($i = 0; $i < 200; $i++) {
    $good = ($good ?? 0) + ($client->doNormal($echo, "job $i") === "job $i");
}
show('foreground', $good);
$client->setCompleteCallback(function (GearmanTask $task) use (&$done) { $done[] = $task->data(); });
for ($i = 0; $i < 20; $i++) {
    $client->addTask($echo, "task $i");
}
show('runTasks', $client->runTasks(), code($client), count($done));
--EXPECT--
jobs for a server that is up: [a handle, a handle, a handle, a handle, a handle], SUCCESS
jobStatus: [true, false, 0, 0], SUCCESS
work: true, SUCCESS, true, SUCCESS
worker saw: ['on server 0', 'on server 1']
foreground: 200
runTasks: true, SUCCESS, 20
