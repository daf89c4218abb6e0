--TEST--
A task keeps the last part of its result, and not all that was read with it
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

// Each kept 16 KiB for a part of one byte: what a connection is read into.
const TASKS = 3000;
[$told, $tell] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server = fake_server(function (FakePeer $peer) use ($told) {
    for ($i = 0; $i < TASKS; $i++) {
        $peer->until(GEARMAN_COMMAND_SUBMIT_JOB);
        $peer->res(GEARMAN_COMMAND_JOB_CREATED, "H:$i");
    }
    for ($i = 0; $i < TASKS; $i++) {
        $peer->res(GEARMAN_COMMAND_WORK_DATA, "H:$i", 'x');
        wait_readable($told);
        fread($told, 1); // so that each is read by itself
    }
    for ($i = 0; $i < TASKS; $i++) {
        $peer->res(GEARMAN_COMMAND_WORK_COMPLETE, "H:$i", '');
    }
    $peer->wait();
});

function memory(): int // KiB
{
    preg_match('/^VmData:\s+(\d+)/m', file_get_contents('/proc/self/status'), $match);
    return (int) $match[1];
}

$client = client($server->port);
$parts = 0;
$client->setDataCallback(function (GearmanTask $task) use ($tell, &$parts, &$before, &$after) {
    $parts++ === 0 && $before = memory();
    $parts === TASKS && $after = memory();
    fwrite($tell, '.');
});
for ($i = 0; $i < TASKS; $i++) {
    $client->addTask('f', 'x');
}
show('runTasks', $client->runTasks(), code($client));
show('parts', $parts);
show('grew', $after - $before < 16 * 1024 ? 'little' : $after - $before);
?>
--EXPECT--
runTasks: true, SUCCESS
parts: 3000
grew: 'little'
