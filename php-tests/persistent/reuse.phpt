--TEST--
gearman.persistent=1: a client goes on with the connection of one before it; each has its own at a time; workers theirs
--INI--
gearman.persistent=1
--FILE--
<?php
require __DIR__ . '/persistent.inc';

$server = start_gearmand();
$port = $server->port;
$submit = function () use ($port) {
    $client = client($port);
    return $client->doBackground('f', 'x');
};
show('none yet', kept());
show('first', $submit(), kept());
$first = connections($port);
for ($i = 0; $i < 100; $i++) {
    $submit();
}
show('a hundred more', kept(), connections($port) === $first);

$clients = [];
for ($i = 0; $i < 6; $i++) {
    $clients[] = $client = client($port);
    $client->ping('x');
}
show('six at once', kept(), count(array_unique(connections($port))));
unset($client);
$clients = null;
show('four of them are kept', kept());
wait_until(fn () => count(connections($port)) === 4);

$worker = worker(['f' => fn () => null], $port);
$worker->work();
unset($worker);
show('a worker leaves none', kept());
wait_until(fn () => count(connections($port)) === 4);

// By its name, in a list, in the environment and in a setting: a server is a server.
$client = new GearmanClient();
$client->addServers(HOST . ":$port");
$client->ping('x');
show('from a list', kept());
unset($client);
putenv("GEARMAN_SERVERS=" . HOST . ":$port");
$client = new GearmanClient();
$client->ping('x');
show('from the environment, without exceptions', kept());
putenv('GEARMAN_SERVERS');
// Two of one client to one server, two clients procedurally.
$client->addServer(HOST, $port);
$other = gearman_client_create();
gearman_client_add_server($other, HOST, $port);
show('a second one', gearman_client_ping($other, 'x'), $client->ping('x'), kept());
unset($client, $other);
show('all given back', kept());

// A client that is collected as part of a cycle, and one that is replaced.
$client = client($port);
$client->setCompleteCallback(fn () => $client);
unset($client);
show('in a cycle', kept()[0]);
gc_collect_cycles();
show('collected', kept()[0]);

show('not at run time', ini_set('gearman.persistent', '0'), ini_get('gearman.persistent'));
--EXPECT--
none yet: [0, 0, 0]
first: a handle, [1, 0, 1]
a hundred more: [1, 100, 1], true
six at once: [0, 101, 6], 6
four of them are kept: [4, 101, 6]
a worker leaves none: [4, 101, 6]
from a list: [3, 102, 6]
from the environment, without exceptions: [4, 102, 7]
a second one: true, true, [2, 104, 7]
all given back: [4, 104, 7]
in a cycle: 3
collected: 4
not at run time: false, '1'
