--TEST--
gearman.persistent=1: kept connections stay with the process that made them, whatever its children do
--INI--
gearman.persistent=1
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/persistent.inc';

$server = start_gearmand();
$port = $server->port;
$use = function () use ($port) {
    $client = client($port);
    $client->doBackground('f', 'x') ?: throw new Exception('not queued');
};
$two = function () use ($port) {
    $clients = [client($port), client($port)];
    array_map(fn ($client) => $client->ping('x'), $clients);
};
$two();
$parents = connections($port);
show('parent', kept(), count($parents));
$before = descriptors();

$children = [
    'does nothing' => fn () => 0,
    'uses a client' => function () use ($use, $before) {
        $use();
        $use();
        // Two connections of the parent's were closed, one was made; a runtime's three are the price of a fork.
        show('  in the child', kept(), descriptors() - $before);
    },
    'uses a worker' => function () use ($port, $before) {
        $worker = worker(['f' => fn () => null], $port);
        $worker->work();
        show('  in the child', kept(), descriptors() - $before);
    },
    'forks again' => function () use ($use) {
        $use();
        wait_child(spawn(function () use ($use) {
            $use();
            show('  in the grandchild', kept());
        }));
        $use();
        show('  in the child', kept());
    },
    'has a client of the parent\'s' => null,
];
foreach ($children as $name => $child) {
    foreach ([true, false] as $clean) {
        $held = $child ? null : client($port);
        $run = $child ?? function () use ($held, $port) {
            $held->ping('x');
            show('  in the child', kept());
        };
        $code = wait_child(spawn($run, $clean));
        unset($held, $run);
        wait_until(fn () => count(connections($port)) === 2);
        $use();
        show($name . ($clean ? '' : ', is killed'), $code, kept()[0], connections($port) === $parents, descriptors() - $before);
    }
}
show('parent', kept()[2]);

// Many, with one kept and one held.
$client = client($port);
for ($i = 0; $i < 200; $i++) {
    $pids[] = spawn(fn () => $i % 4 === 0 ? $use() : ($i % 4 === 1 ? (int) !$client->ping('x') : 0), $i % 3 > 0);
    if ($i % 10 === 9) {
        $client->ping('x') && $use();
        array_map(wait_child(...), $pids);
        $pids = [];
    }
}
unset($client);
wait_until(fn () => connections($port) === $parents);
show('after 200 forks', kept()[0], kept()[2], descriptors() - $before);
--EXPECT--
parent: [2, 0, 2], 2
does nothing: 0, 2, true, 0
does nothing, is killed: -9, 2, true, 0
  in the child: [1, 1, 1], 2
uses a client: 0, 2, true, 0
  in the child: [1, 1, 1], 2
uses a client, is killed: -9, 2, true, 0
  in the child: [0, 0, 0], 2
uses a worker: 0, 2, true, 0
  in the child: [0, 0, 0], 2
uses a worker, is killed: -9, 2, true, 0
  in the grandchild: [1, 0, 1]
  in the child: [1, 1, 1]
forks again: 0, 2, true, 0
  in the grandchild: [1, 0, 1]
  in the child: [1, 1, 1]
forks again, is killed: -9, 2, true, 0
  in the child: [0, 0, 1]
has a client of the parent's: 0, 2, true, 0
  in the child: [0, 0, 1]
has a client of the parent's, is killed: -9, 2, true, 0
parent: 2
after 200 forks: 2, 2, 0
