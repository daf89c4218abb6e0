--TEST--
A child with its parent's TLS client and worker: it sends nothing on the parent's session, has connections of its own, and the parent goes on
--SKIPIF--
<?php
require __DIR__ . '/skipif.inc';
is_dir('/proc/self/fd') or die('skip needs /proc');
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$own = $ca->issue('client');
$server = tls_server($ca->issue(), $ca->file);
$function = unique_function_name();
spawn(function () use ($server, $ca, $own, $function) {
    $worker = tls_worker($server, $ca->file, [$function => fn (GearmanJob $job) => strrev($job->workload())], $own);
    while (@$worker->work());
}, clean: false);
$client = tls_client($server, $ca->file, $own);
$worker = tls_worker($server, $ca->file, ['nobody' => fn () => null], $own);
$good = fn () => $client->doNormal($function, 'abc') === 'cba' && $worker->ping('x');
show('before', $good());
$connections = fn () => substr_count(admin('workers', $server->port), "\n");
$stand = $connections();
$sockets = fn () => preg_grep('/^socket:/', array_map(fn ($fd) => (string) @readlink($fd), glob('/proc/self/fd/*')));
$own_sockets = $sockets();
$children = [
    'does nothing' => fn () => 3,
    'uses the client' => fn () => $client->doNormal($function, 'child') === 'dlihc' ? 4 : 1,
    'uses the worker' => fn () => $worker->ping('child') ? 5 : 1,
    'lets go of both' => function () use (&$client, &$worker) {
        $client = $worker = null;
        gc_collect_cycles();
        return 6;
    },
    'has its settings changed' => function () use ($client, $function) {
        $client->setSSL(false);
        return $client->options() & 256 ? 1 : 7;
    },
    'forks again' => fn () => wait_child(spawn(fn () => $good() ? 8 : 1)),
    'a task that was queued before' => fn () => $client->runTasks() && $GLOBALS['done'] === 1 ? 9 : 1,
];
$done = 0;
$client->setCompleteCallback(function () use (&$done) {
    $done++;
});
foreach ($children as $name => $child) {
    str_contains($name, 'task') && $client->addTask($function, 'queued');
    $codes = [wait_child(spawn($child)), wait_child(spawn($child, clean: false))];
    show($name, $codes, $good(), $client->runTasks(), $done, $sockets() === $own_sockets);
}
// In the middle of an answer: a large one, of which the child reads nothing.
$large = str_repeat('x', 4 << 20);
$client->setDataCallback(fn () => null);
$client->setCompleteCallback(function (GearmanTask $task) use (&$code, $large) {
    $code ??= wait_child(spawn(fn () => 1));
    $code = [$code, $task->data() === $large];
});
$client->addTask($function, $large);
$client->addTask($function, 'after');
show('in a callback', $client->runTasks(), $good());
wait_until(fn () => $connections() === $stand, 10, 'the children\'s connections to close');
show('connections more', $connections() - $stand, $sockets() === $own_sockets);
--EXPECT--
before: true
does nothing: [3, -9], true, true, 0, true
uses the client: [4, -9], true, true, 0, true
uses the worker: [5, -9], true, true, 0, true
lets go of both: [6, -9], true, true, 0, true
has its settings changed: [7, -9], true, true, 0, true
forks again: [8, -9], true, true, 0, true
a task that was queued before: [9, -9], true, true, 1, true
in a callback: true, true
connections more: 0, true
