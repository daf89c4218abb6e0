--TEST--
Timeouts during large transfers: a server that stops reading, one that stops sending, one that is slow but goes on
--EXTENSIONS--
gearman
pcntl
posix
--INI--
memory_limit=512M
--FILE--
<?php
require __DIR__ . '/../connect.inc';
require __DIR__ . '/../fake_server.inc';

$size = 24 << 20;
$data = str_repeat(random_bytes(1 << 10), $size >> 10);
$client = null;
$show = function (string $what, mixed $result) use (&$client) {
    echo "$what: ", is_string($result) && strlen($result) > 100 ? strlen($result) . ' bytes' : json_encode($result), ", code {$client->returnCode()}\n";
};
$calls = [
    'doNormal' => fn ($c) => $c->doNormal('f', $data),
    'doBackground' => fn ($c) => $c->doBackground('f', $data),
    'ping' => fn ($c) => $c->ping($data),
    'runTasks' => fn ($c) => $c->addTask('f', $data) && $c->runTasks(),
];
foreach ($calls as $name => $call) {
    // Reads the header and then nothing: the rest does not fit into the sockets' buffers.
    $server = fake_server(fn (FakePeer $peer) => [$peer->bytes(12), sleep(60)]);
    $client = new GearmanClient();
    $client->addServer(HOST, $server->port, false);
    $client->setTimeout(100);
    [$result, $warnings] = heard(fn () => $call($client));
    $show("$name, not read", $result);
    // The rest of the request must not be sent after the next one's beginning, nor be taken for it.
    $server->serve(good_server());
    $client->setTimeout(10000);
    [$result] = heard(fn () => $client->ping('good'));
    $result || [$result] = heard(fn () => $client->ping('good'));
    $show('  afterwards', $result);
}
// The same server goes on reading later.
[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server = fake_server(function (FakePeer $peer) use ($theirs) {
    $head = unpack('N3', $peer->bytes(12));
    fgets($theirs);
    $body = $peer->bytes($head[3]);
    fwrite($theirs, "read " . strlen($body) . "\n");
    $peer->res(GEARMAN_COMMAND_JOB_CREATED, 'H:late');
    while ([$command, $body] = $peer->read()) {
        fwrite($theirs, "then $command " . addcslashes($body, "\0") . "\n");
        $peer->res(GEARMAN_COMMAND_ECHO_RES, $body);
    }
});
$client = new GearmanClient();
$client->addServer(HOST, $server->port, false);
$client->setTimeout(100);
[$result] = heard(fn () => $client->doNormal('f', $data, 'key'));
$show('not read in time', $result);
fwrite($ours, "\n");
$client->setTimeout(10000);
$show('  then', $client->ping('next'));
echo '  the server: ', rtrim(fgets($ours)), ', ', fgets($ours);

// A result stops half way, or trickles: the time is that between two words, and half a packet is none.
$result = str_repeat('r', 1 << 20);
$stops = function (FakePeer $peer) use ($result) {
    $peer->read();
    $peer->res(GEARMAN_COMMAND_JOB_CREATED, 'H:1');
    $peer->send(substr(FakePeer::packet(GEARMAN_COMMAND_WORK_COMPLETE, 'H:1', $result), 0, 700000));
    $peer->wait();
};
$trickles = function (FakePeer $peer) use ($result) {
    $peer->read();
    $peer->res(GEARMAN_COMMAND_JOB_CREATED, 'H:1');
    foreach (str_split(FakePeer::packet(GEARMAN_COMMAND_WORK_COMPLETE, 'H:1', $result), 100000) as $piece) {
        $peer->send($piece);
        usleep(50000); // not for synchronisation: this is how slow it is
    }
};
$reports = function (FakePeer $peer) use ($result) {
    $peer->read();
    $peer->res(GEARMAN_COMMAND_JOB_CREATED, 'H:1');
    for ($i = 0; $i < 30; $i++) {
        $peer->res(GEARMAN_COMMAND_WORK_STATUS, 'H:1', (string) $i, '30');
        usleep(50000);
    }
    $peer->res(GEARMAN_COMMAND_WORK_COMPLETE, 'H:1', $result);
};
foreach (['stops' => [$stops, 200], 'trickles too long' => [$trickles, 200], 'trickles' => [$trickles, 20000], 'reports each 50 ms' => [$reports, 1000]] as $how => [$serve, $timeout]) {
    $server = fake_server($serve);
    $client = new GearmanClient();
    $client->addServer(HOST, $server->port, false);
    $client->setTimeout($timeout);
    [$got, $warnings] = heard(fn () => $client->doNormal('f', 'x'));
    $show($how, $got);
}
?>
--EXPECT--
doNormal, not read: "", code 47
  afterwards: true, code 0
doBackground, not read: "", code 47
  afterwards: true, code 0
ping, not read: false, code 47
  afterwards: true, code 0
runTasks, not read: false, code 47
  afterwards: true, code 0
not read in time: "", code 47
  then: true, code 0
  the server: read 25165830, then 16 next
stops: "", code 47
trickles too long: "", code 47
trickles: 1048576 bytes, code 0
reports each 50 ms: 1048576 bytes, code 0
