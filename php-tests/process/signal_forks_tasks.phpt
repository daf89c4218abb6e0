--TEST--
A handler that forks while runTasks() waits: the child's tasks end in that call, the parent's go on
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';

[$server, $tell] = silent_server();
$client = new GearmanClient();
$client->addServer(HOST, $server->port, false);
$client->setCompleteCallback(fn(GearmanTask $task) => print "  complete {$task->data()}\n");
$top = getmypid();
[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
pcntl_async_signals(true);
pcntl_signal(SIGUSR1, function () use ($tell, $top) {
    if (($child = pcntl_fork()) > 0) {
        wait_until(fn() => pcntl_waitpid($child, $status, WNOHANG) !== 0, 10, 'the child');
        fwrite($tell, "\n");
    }
});
$client->addTask('f', 'abc');
$signals = signal_when_asleep(SIGUSR1);
[$result, $warnings] = heard(fn() => $client->runTasks());
if (getmypid() !== $top) {
    fwrite($theirs, json_encode([$result, count($warnings), $client->returnCode() === GEARMAN_LOST_CONNECTION]));
    // The same failure came a second time, for the parent's task.
    [$result, $warnings] = heard(fn() => $client->runTasks());
    fwrite($theirs, json_encode([$result, count($warnings), $client->returnCode() === GEARMAN_SUCCESS]));
    posix_kill(getmypid(), SIGKILL);
}
wait_child($signals);
fclose($theirs);
echo 'parent ', json_encode([$result, $warnings]), "\n", 'child ', stream_get_contents($ours), "\n";
?>
--EXPECT--
  complete cba
parent [true,[]]
child [false,1,true][true,0,true]
