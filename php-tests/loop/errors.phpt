--TEST--
In a loop: tasks that end by an error call the fail callback, or warn; a worker warns once an outage and goes on when it is over
--FILE--
<?php
require __DIR__ . '/loop.inc';

set_error_handler(function (int $level, string $text) {
    if (error_reporting() & $level) {
        echo 'warning: ', reason($text), "\n";
    }
    return true;
});
/** Without port; how the system calls the loss of a connection is a matter of moments. */
function reason(string $text): string
{
    $text = preg_replace('/:\d{4,}/', ':PORT', $text);
    return preg_replace('/(lost connection|could not connect).*/', 'the server is gone', $text);
}
$f = unique_function_name();
$port = free_port();

// A client whose server is not there.
$client = loop_client($port);
$log = [];
$fails = function (GearmanTask $task) use ($client, &$log) {
    $log[] = code_of($task->returnCode()) . ' ' . reason($client->error());
};
$client->setFailCallback($fails);
$client->addTask($f, 'x');
$client->addTask($f, 'y');
loop([$client], function () use (&$log) { return count($log) === 2; });
show('not there', ...$log);
show('then', turn([$client], 0), $client->poll());
$client->clearCallbacks();
$client->addTask($f, 'nobody asks');
for ($i = 0; $i < 3 && $client->returnCode() === GEARMAN_SUCCESS; $i++) {
    turn([$client]);
}
show('without a callback', code($client));
settle([$client]);
show('then', turn([$client], 0), $client->poll(), code($client));

// And one without servers.
$alone = new GearmanClient();
show('nothing', $alone->poll(), code($alone));
$alone->addTask($f, 'x');
show('no server', $alone->poll(), code($alone));

// The worker of that server, until it is there.
$worker = loop_worker([$f => fn(GearmanJob $job) => $job->workload()], $port);
$turns = 0;
loop([$worker], function () use (&$turns) { return $turns++ > 10; });
show('outage', code($worker), str_starts_with($worker->error(), 'COULD_NOT_CONNECT: could not connect'), $worker->poll() !== null);
$server = start_gearmand(port: $port);
$log = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = $task->data(); });
$client->setFailCallback($fails);
$client->addTask($f, 'there');
loop([$client, $worker], function () use (&$log) { return $log; });
show('done', ...$log);
settle([$client, $worker]);
show('over', code($worker));

// The server goes while a task is under way, and comes back. The worker warns again.
$log = [];
$other = unique_function_name('other');
$client->addTask($other, 'x');
settle([$client]);
$server->stop(SIGKILL);
loop([$client, $worker], function () use ($worker, &$log) { return $log && $worker->returnCode() !== GEARMAN_SUCCESS; });
show('lost', ...$log);
$server = start_gearmand(port: $port);
$log = [];
$client->addTask($f, 'again');
loop([$client, $worker], function () use (&$log) { return $log; });
show('done', ...$log);

// No functions, no servers.
$worker->unregisterAll();
show('no functions', $worker->poll(), code($worker));
settle([$worker]);
$none = new GearmanWorker();
$none->addFunction($f, fn() => null);
show('no servers', $none->poll(), code($none));
$worker->addFunction($f, fn(GearmanJob $job) => strrev($job->workload()));
$client->addTask($f, 'back');
$log = [];
loop([$client, $worker], function () use (&$log) { return $log; });
show('done', ...$log);

// setTimeout(): when nothing is heard for so long.
$log = [];
$client->setTimeout(30);
$client->addTask($other, 'nobody does it');
loop([$client], function () use (&$log) { return $log; });
show('timeout', ...$log);
settle([$client]);
show('then', $client->poll(), turn([$client], 0));
--EXPECT--
not there: 'COULD_NOT_CONNECT COULD_NOT_CONNECT: the server is gone', 'COULD_NOT_CONNECT COULD_NOT_CONNECT: the server is gone'
then: 0, null
warning: GearmanClient::poll(): the server is gone
without a callback: COULD_NOT_CONNECT
then: 0, null, SUCCESS
nothing: null, SUCCESS
warning: GearmanClient::poll(): no servers have been added: call addServer() first
no server: null, NO_SERVERS
warning: GearmanWorker::poll(): the server is gone
outage: COULD_NOT_CONNECT, true, true
done: 'there'
over: SUCCESS
warning: GearmanWorker::poll(): the server is gone
lost: 'LOST_CONNECTION LOST_CONNECTION: the server is gone'
done: 'again'
warning: GearmanWorker::poll(): no functions have been registered: call addFunction() first
no functions: null, NO_REGISTERED_FUNCTIONS
warning: GearmanWorker::poll(): no servers have been added: call addServer() first
no servers: null, NO_SERVERS
done: 'kcab'
timeout: 'TIMEOUT TIMEOUT: timeout reached, nothing was heard from 127.0.0.1:PORT for 30 ms'
then: null, 0
