--TEST--
The server closes the connection: work() connects and registers anew
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$server = start_gearmand();
$port = $server->port;
$function = unique_function_name();
$worker = new GearmanWorker();
$worker->addServer(HOST, $port);
$worker->setId($id = unique_function_name('id'));
$worker->addFunction($function, fn(GearmanJob $job) => show('job', $job->workload()));
client($port)->doBackground($function, 'before');
show('work', $worker->work(), code($worker));
// While work() waits the server ends, and another one takes its place.
$restart = spawn(function () use ($server, $port, $function, $id) {
    wait_until(fn() => function_status($function, $port)[2] === 1);
    posix_kill($server->pid, SIGTERM);
    wait_until(fn() => @stream_socket_client('tcp://' . HOST . ":$port", $code, $text, 1) === false);
    $another = start_gearmand(port: $port);
    wait_until(fn() => function_status($function, $port)[2] === 1);
    echo 'with its id: ', (int) str_contains(admin('workers', $port), " $id : $function"), "\n";
    client($port)->doBackground($function, 'after');
    wait_until(fn() => function_status($function, $port)[0] === 0);
});
// In between nobody may be there.
while (!@$worker->work() && $worker->returnCode() === GEARMAN_COULD_NOT_CONNECT);
show('work', code($worker));
unset($worker);
show('child', wait_child($restart));
--EXPECT--
job: 'before'
work: true, SUCCESS
with its id: 1
job: 'after'
work: SUCCESS
child: 0
