--TEST--
A large result for a server that takes nothing: a handler can throw out of the wait, which keeps no job of another server waiting then; it is sent on when that goes on, and told where it is lost
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
/* Each small result for another server waited for that socket as well. And where the server died in its midst, work() said SUCCESS. */
require __DIR__ . '/../api.inc';

$large = str_repeat('x', 20000000); // more than sockets hold
$function = unique_function_name();
$hangs = start_gearmand();
/** Stops a server as soon as it is told, before the result can be sent there. */
$stop = function () use ($hangs) {
    posix_kill($hangs->pid, SIGSTOP);
    wait_until(fn() => str_contains(file_get_contents("/proc/$hangs->pid/stat"), ') T '));
};
$ran = [];
$run = function (GearmanJob $job) use (&$ran, $stop, $large) {
    $ran[] = $job->workload();
    if ($job->workload() !== 'large') {
        return 'small';
    }
    $stop();
    return $large;
};
$of = function (string $servers) use ($function, $run) {
    $worker = new GearmanWorker();
    $worker->addServers($servers);
    $worker->addFunction($function, $run);
    return $worker;
};
$here = HOST . ":$hangs->port";

$client = client($hangs->port);
$client->setCompleteCallback(function (GearmanTask $task) use (&$bytes) { $bytes = $task->dataSize(); });
$client->addTask($function, 'large');
$client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
@$client->runTasks();
$worker = $of("$here," . HOST . ':' . PORT);
pcntl_async_signals(true);
pcntl_signal(SIGALRM, fn() => throw new Exception('it takes too long'));
pcntl_alarm(2);
try {
    $worker->work();
} catch (Exception $e) {
    echo $e->getMessage(), "\n";
}
client()->doBackground($function, 'of another');
show('work', $worker->work(), code($worker));
echo implode(', ', $ran), "\n";
posix_kill($hangs->pid, SIGCONT);
$worker->setTimeout(10);
wait_until(function () use ($client, $worker, &$bytes) {
    @$worker->work();
    $client->runTasks();
    return $bytes;
});
echo "$bytes bytes\n";

echo "-- it dies\n";
client($hangs->port)->doBackground($function, 'large');
$worker = $of($here);
$child = pcntl_fork();
if (!$child) {
    // Once the worker has begun to send.
    wait_until(fn() => str_contains(file_get_contents("/proc/$hangs->pid/stat"), ') T '));
    $sending = sprintf('/ 0100007F:%04X 01 (?!0{8}:)/', $hangs->port);
    wait_until(fn() => preg_match($sending, file_get_contents('/proc/net/tcp')));
    posix_kill($hangs->pid, SIGKILL);
    posix_kill(posix_getpid(), SIGKILL);
}
show('work', @$worker->work(), code($worker));
echo preg_replace('/\d{4,5}.*/', 'PORT', $worker->error()), "\n";
pcntl_waitpid($child, $status);
?>
--EXPECT--
it takes too long
work: true, SUCCESS
large, of another
20000000 bytes
-- it dies
work: false, LOST_CONNECTION
LOST_CONNECTION: lost connection to 127.0.0.1:PORT
