--TEST--
No threads: a process that waits for a result, for tasks, a job or an answer has one
--SKIPIF--
<?php
extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
is_readable('/proc/self/status') or die('skip needs /proc');
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$function = unique_function_name();
$client = function () {
    $client = new GearmanClient();
    $client->addServer('localhost', PORT); // a name, which must be resolved
    return $client;
};
$waits = [
    'doNormal()' => fn() => $client()->doNormal($function, 'x'),
    'runTasks()' => function () use ($client, $function) {
        $client = $client();
        for ($i = 0; $i < 5; $i++) {
            $client->addTask($function, (string) $i);
        }
        $client->runTasks();
    },
    'work()' => function () {
        $worker = new GearmanWorker();
        $worker->addServer('localhost', PORT);
        $worker->addFunction(unique_function_name(), strrev(...));
        $worker->work();
    },
];
foreach ($waits as $name => $wait) {
    $child = spawn($wait, clean: false);
    $status = wait_until(function () use ($child) {
        $status = file_get_contents("/proc/$child/status");
        // Asleep in the event loop, not in a lock or a read.
        $open = array_map(fn($fd) => (string) @readlink($fd), glob("/proc/$child/fd/*"));
        return in_array('anon_inode:[eventpoll]', $open, true) && preg_match('/^State:\s+S/m', $status) ? $status : null;
    }, 10, "$name to wait");
    preg_match('/^Threads:\s+(\d+)/m', $status, $match);
    echo "$name: $match[1]\n";
    stop_child($child, SIGKILL);
}
--EXPECT--
doNormal(): 1
runTasks(): 1
work(): 1
