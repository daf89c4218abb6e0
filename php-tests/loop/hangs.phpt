--TEST--
Of several servers one that takes a request and does not answer is passed over after setTimeout(), in a loop and by calls that wait
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/loop.inc';
require __DIR__ . '/../fake_server.inc';

// It once was asked again and again, for as long as its socket took connections, and each task ended by its timeout.
set_error_handler(fn() => true);
$asked = tempnam(getenv('GEARMAN_TEST_DIR'), 'asked');
$silent = fake_server(function (FakePeer $peer) use ($asked) {
    while ($packet = $peer->read()) {
        file_put_contents($asked, "$packet[0] ", FILE_APPEND);
    }
});
$f = unique_function_name();
$worker = loop_worker([$f => fn(GearmanJob $job) => strrev($job->workload())]);
$client = loop_client($silent->port, PORT);
$client->setTimeout(1000);
$ends = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$ends) { $ends[] = $task->data(); });
$client->setFailCallback(function (GearmanTask $task) use (&$ends) { $ends[] = code_of($task->returnCode()); });
$client->addTask($f, 'one');
$client->addTask($f, 'two');
loop([$client, $worker], function () use (&$ends) { return count($ends) === 2; });
show('silent', ...$ends);
for ($i = 0; $i < 3; $i++) {
    $ends = [];
    $client->addTask($f, "three $i");
    loop([$client, $worker], function () use (&$ends) { return $ends; });
    show('then', ...$ends);
}
show('asked', file_get_contents($asked));

// Calls that wait.
$client = loop_client($silent->port, PORT);
$client->setTimeout(1000);
show('doBackground', $client->doBackground($f, 'x'), code($client));
show('then', $client->doBackground($f, 'x'), code($client));
show('asked', file_get_contents($asked));

// A server that has taken the job is asked again, however long that takes; so is the only one.
$servers = [start_gearmand(), start_gearmand()];
foreach ([[$servers[0]->port, $servers[1]->port], [$silent->port]] as $ports) {
    $client = loop_client(...$ports);
    $client->setTimeout(1000);
    $client->setFailCallback(function (GearmanTask $task) use (&$ends) { $ends[] = code_of($task->returnCode()); });
    for ($ends = [], $i = 1; $i <= 2; $i++) {
        $client->addTask($f, 'nobody does it');
        loop([$client], function () use (&$ends, $i) { return count($ends) === $i; });
    }
    show(count($ports) . ' servers', ...$ends);
    $jobs = array_map(fn(Gearmand $server) => function_status($f, $server->port)[0], $servers);
    count($ports) > 1 && show('jobs', ...$jobs);
}
show('asked', file_get_contents($asked));
?>
--EXPECT--
silent: 'TIMEOUT', 'TIMEOUT'
then: '0 eerht'
then: '1 eerht'
then: '2 eerht'
asked: '7 7 '
doBackground: '', TIMEOUT
then: a handle, SUCCESS
asked: '7 7 18 '
2 servers: 'TIMEOUT', 'TIMEOUT'
jobs: 2, 0
1 servers: 'TIMEOUT', 'TIMEOUT'
asked: '7 7 18 7 7 '
