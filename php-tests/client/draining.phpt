--TEST--
A server that drains: another one takes what it refuses, while a job of the same client runs there
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* A client stayed with it, and all that it sent was refused for as long as the last job there took, though another server was well. */
require __DIR__ . '/../api.inc';

[$drains, $well] = [start_gearmand(), start_gearmand()];
$function = unique_function_name();
$may_end = getenv('GEARMAN_TEST_DIR') . "/$function";
serving([$function => function (GearmanJob $job) use ($may_end) {
    wait_until(fn() => file_exists($may_end), 60, 'leave to end');
    return $job->workload() . ' where it drains';
}], $drains->port);
serving([$function => fn(GearmanJob $job) => $job->workload() . ' elsewhere'], $well->port);

$client = new GearmanClient();
$client->addServers(HOST . ":$drains->port," . HOST . ":$well->port");
$client->setCompleteCallback(function (GearmanTask $task) use (&$done) { $done[] = $task->data(); });
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
$client->addTask($function, 'done');
wait_until(fn() => $client->runTasks() && function_status($function, $drains->port)[1] === 1, what: 'the job to run');
$client->removeOptions(GEARMAN_CLIENT_NON_BLOCKING);

$other = client($drains->port);
posix_kill($drains->pid, SIGUSR1);
wait_until(fn() => @$other->doBackground('other', 'x') === '', what: 'the drain');
foreach (['background', 'and again'] as $what) {
    show($what, $client->doBackground($function, 'x'), code($client));
}
show('foreground', $client->doNormal($function, 'done'), code($client));
$client->addTask($function, 'task done');
touch($may_end);
show('tasks', $client->runTasks(), code($client));
sort($done);
show('callbacks', $done);
unlink($may_end);
--EXPECT--
background: a handle, SUCCESS
and again: a handle, SUCCESS
foreground: 'done elsewhere', SUCCESS
tasks: true, SUCCESS
callbacks: ['done where it drains', 'task done elsewhere']
