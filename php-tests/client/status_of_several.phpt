--TEST--
jobStatus() with several servers finds the one that has the job; one that can not be asked is no "done"
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

function of(Gearmand ...$servers): GearmanClient
{
    $client = new GearmanClient();
    foreach ($servers as $server) {
        $client->addServer(HOST, $server->port, false);
    }
    return $client;
}

function task_status(GearmanClient $client, string $handle): mixed
{
    $known = 'not told';
    $client->setStatusCallback(function (GearmanTask $task) use (&$known) { $known = $task->isKnown(); });
    $client->addTaskStatus($handle);
    return [tell('runTasks', $client, fn() => $client->runTasks()), $known];
}

// Both on one host: the same prefix, and the same number for the first job of each.
[$first, $second] = [start_gearmand(), start_gearmand()];
$handle = client($second->port)->doBackground('f', 'x', 'key');
client($second->port)->doBackground('f', 'x', 'more');
$last = client($second->port)->doBackground('f', 'x', 'last');

$client = of($first, $second);
$client->ping('both are there');
show('on the second', $client->jobStatus($handle), code($client));
show('by key', $client->jobStatusByUniqueKey('key'));
show('on none', $client->jobStatus('H:nobody:7'), code($client));
show('by key', $client->jobStatusByUniqueKey('nobody'));
show('status task', task_status($client, $handle));

// Its own job has the handle that another job has at the other server.
$own = $client->doBackground('g', 'x');
show('the same handle', $own === $handle);
(function () use ($first) {
    $worker = worker(['g' => fn() => null], $first->port);
    $worker->work();
})();
show('done at the first', wait_until(fn() => !($status = $client->jobStatus($own))[0] ? $status : null), code($client));
show('who does not know where it is from finds the other', of($first, $second)->jobStatus($own));

// The second is down, and may still have the job.
$second->stop(SIGKILL);
@$client->ping('which learns of it');
show('who has it is down', $client->jobStatus($last), code($client));
show('by key', $client->jobStatusByUniqueKey('last'));
show('status task', task_status($client, $last));
show('known where it is from, and there it is done', $client->jobStatus($own), code($client));
show('status task', task_status($client, $own));

// Jobs on the first are found though the second is down, or first in line.
$here = $client->doBackground('h', 'x');
show('on the first', $client->jobStatus($here), code($client));
show('another client', of($second, $first)->jobStatus($here));

// None is there: a question of runTasks() waits for the next call, as all tasks do.
$port = $first->port;
$first->stop(SIGKILL);
@$client->ping('which learns of it');
show('none is there', $client->jobStatus($last), code($client));
show('status task', task_status($client, $own));
$first = start_gearmand(port: $port);
tell('runTasks', $client, fn() => $client->runTasks());
--EXPECT--
on the second: [true, false, 0, 0], SUCCESS
by key: [true, false, 0, 0]
on none: [false, false, 0, 0], SUCCESS
by key: [false, false, 0, 0]
runTasks: true, SUCCESS
status task: [true, true]
the same handle: true
done at the first: [false, false, 0, 0], SUCCESS
who does not know where it is from finds the other: [true, false, 0, 0]
  Warning: GearmanClient::jobStatus()
who has it is down: [false, false, 0, 0], COULD_NOT_CONNECT
  Warning: GearmanClient::jobStatusByUniqueKey()
by key: [false, false, 0, 0]
runTasks: false, warning of GearmanClient::runTasks(), COULD_NOT_CONNECT
status task: [false, 'not told']
known where it is from, and there it is done: [false, false, 0, 0], SUCCESS
runTasks: true, SUCCESS
status task: [true, false]
on the first: [true, false, 0, 0], SUCCESS
another client: [true, false, 0, 0]
  Warning: GearmanClient::jobStatus()
none is there: [false, false, 0, 0], COULD_NOT_CONNECT
runTasks: false, warning of GearmanClient::runTasks(), COULD_NOT_CONNECT
status task: [false, 'not told']
runTasks: true, SUCCESS
