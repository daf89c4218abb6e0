--TEST--
A function with a timeout is announced with it, in milliseconds
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../fake_server.inc';

[$theirs, $ours] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server = fake_server(function (FakePeer $peer) use ($theirs) {
    while ([$command, $body] = $peer->read()) {
        if ($command === GEARMAN_COMMAND_CAN_DO || $command === GEARMAN_COMMAND_CAN_DO_TIMEOUT) {
            $lines[] = ($command === GEARMAN_COMMAND_CAN_DO ? 'CAN_DO ' : 'CAN_DO_TIMEOUT ') . str_replace("\0", ', ', $body);
        } elseif ($command === GEARMAN_COMMAND_OPTION_REQ) {
            $peer->res(GEARMAN_COMMAND_ERROR, 'UNKNOWN_OPTION', 'no such option');
        } elseif ($command === GEARMAN_COMMAND_PRE_SLEEP) {
            sort($lines);
            fwrite($theirs, implode("\n", $lines) . "\n\n");
        } else {
            $peer->res(GEARMAN_COMMAND_NO_JOB);
        }
    }
});
$worker = new GearmanWorker();
$worker->addServer(HOST, $server->port, false);
$worker->addFunction('none', fn() => '');
$worker->addFunction('zero', fn() => '', null, 0);
$worker->addFunction('three seconds', fn() => '', 'context', 3);
$worker->register('registered, seven seconds', 7);
$worker->register('registered');
$worker->setTimeout(100);
do { // a slow server has not heard all of it by then
    $worker->work();
    $readable = [$ours];
    $none = null;
} while (stream_select($readable, $none, $none, 0) === 0);
while (($line = fgets($ours)) !== "\n") {
    echo $line;
}
--EXPECT--
CAN_DO none
CAN_DO registered
CAN_DO zero
CAN_DO_TIMEOUT registered, seven seconds, 7000
CAN_DO_TIMEOUT three seconds, 3000
