--TEST--
gearman.persistent=1: a connection that the server has closed meanwhile costs nobody an error
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
$submit = function () use ($port) {
    $client = client($port);
    return $client->doBackground('f', 'x');
};
$three = function () use ($port) {
    $clients = [client($port), client($port), client($port)];
    array_map(fn ($client) => $client->ping('x'), $clients);
};
$three();
foreach ([SIGTERM, SIGKILL] as $signal) {
    $server->stop($signal);
    $server = start_gearmand([], $port);
    show('restarted', $submit(), kept());
    $three();
    show('three', kept());
}
// In between there is nobody, as without the setting.
$server->stop();
show('none there', $submit);
show('none left', kept());
$server = start_gearmand([], $port);
show('there again', $submit(), kept());

// A client that holds it meanwhile, as one of its own.
$client = client($port);
show('taken', kept());
$server->stop();
$server = start_gearmand([], $port);
show('restarted while taken', $client->doBackground('f', 'x'), kept());
unset($client);
show('given back', kept());

// A server that goes away in the middle of the first request says so once, and is connected to again.
$fake = fake_server(function (FakePeer $peer, int $n) {
    while ($packet = $peer->read()) {
        match ($packet[0]) {
            GEARMAN_COMMAND_OPTION_REQ => $peer->res(GEARMAN_COMMAND_OPTION_RES, $packet[1]),
            GEARMAN_COMMAND_ECHO_REQ => $peer->res(GEARMAN_COMMAND_ECHO_RES, $packet[1]),
            default => $packet = null,
        };
        if ($packet === null) {
            return;
        }
    }
});
$client = client($fake->port);
show('one', $client->ping('x'));
unset($client);
$client = client($fake->port);
show('two', $client->doBackground('f', 'x'), code($client));
show('three', $client->ping('x'), code($client));
--EXPECT--
restarted: a handle, [1, 0, 4]
three: [3, 1, 6]
restarted: a handle, [1, 1, 7]
three: [3, 2, 9]
none there: GearmanException: Failed to set exception option
none left: [0, 2, 9]
there again: a handle, [1, 2, 10]
taken: [0, 3, 10]
restarted while taken: a handle, [0, 3, 11]
given back: [1, 3, 11]
one: true
  Warning: GearmanClient::doBackground()
two: '', LOST_CONNECTION
three: true, SUCCESS
