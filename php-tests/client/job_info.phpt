--TEST--
jobInfo(), jobResult(): types and bytes; answers that make no sense, come slowly, or do not come
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

/** Asks a server that gives this answer, or does what the callable says. */
function answered(string|callable $answer, callable $ask): void
{
    // A new one each time: one that is there already may still have a client that gave up.
    $server = fake_server(function (FakePeer $peer) use ($answer) {
        wait_readable($peer->stream());
        fgets($peer->stream());
        is_string($answer) ? $peer->send($answer) : $answer($peer);
    });
    $client = new GearmanClient();
    $client->addServer(HOST, $server->port, false);
    [$value, $warnings] = heard(fn() => $ask($client));
    $text = preg_replace('/reached, (.*) for \d+ ms/', 'reached, $1', str_replace($server->port, 'PORT', implode('; ', $warnings)));
    show(is_string($answer) ? short(substr($answer, 0, 40)) : 'a server', $value, code($client));
    echo $text === '' ? '' : "    $text\n";
}
$info = fn(GearmanClient $client) => $client->jobInfo('H:x:1');
$result = fn(GearmanClient $client) => $client->jobResult('H:x:1');

echo "-- info\n";
$all = "handle\tH:x:1\nfunction\tf\nunique\t\nstate\trunning\npriority\tnormal\nbackground\t1\ntries\t2\ndue\t1000000000\nage\t0\n"
    . "worker\tme\nnumerator\t1\ndenominator\t2\nreason\texception\ntext\ta%0Ab%00c%25\n.\n";
answered($all, $info);
answered(str_replace("\n", "\r\n", $all), fn($client) => gearman_client_job_info($client, 'H:x:1')['text']);
answered(".\n", $info);
answered("background\t0\ntries\t-1\ndue\tsoon\nage\t99999999999999999999\nnew-one\t5\n.\n", $info);
answered("ERR UNKNOWN_JOB\r\n", $info);
answered("ERR UNKNOWN_COMMAND Unknown+server+commandjob\r\n", $info);
answered("no tab\n.\n", $info);
answered("handle\tH:x:1\nstate", $info);
answered("\0RES\0\0\0\x13\0\0\0\0", $info);
answered('', $info);
answered(function (FakePeer $peer) {
    $peer->send("state\tqueued\n");
    $peer->wait();
}, function (GearmanClient $client) use ($info) {
    $client->setTimeout(50);
    return $info($client);
});
answered(function (FakePeer $peer) use ($all) {
    foreach (str_split($all) as $byte) {
        $peer->send($byte);
    }
}, fn($client) => $info($client)['text']);

echo "-- results\n";
answered("state\tdone\ndata\t" . base64_encode("a\0\n\xff") . "\n.\n", $result);
answered("state\tdone\ndata\t\n.\n", $result);
$large = random_bytes(1 << 20);
answered(fn(FakePeer $peer) => $peer->send("state\tdone\ndata\t" . base64_encode($large) . "\n.\n"),
    fn($client) => $client->jobResult('H') === $large);
answered("state\tfailed\nreason\texception: no disk\n.\n", fn($client) => [$client->jobResult('H'), $client->error()]);
answered("state\tqueued\n.\n", fn($client) => [gearman_client_job_result($client, 'H'), $client->error()]);
answered("state\tdone\ndata\t!\n.\n", $result);
answered("data\tYQ==\n.\n", $result);
answered("ERR UNKNOWN_JOB\r\n", $result);

echo "-- silence\n";
$wait = fn(FakePeer $peer) => $peer->wait();
answered($wait, function (GearmanClient $client) use ($result) {
    $client->setTimeout(50);
    return $result($client);
});
answered($wait, function (GearmanClient $client) use ($result) {
    $client->setTimeout(0);
    return $result($client);
});
$signals = function (FakePeer $peer) {
    posix_kill(posix_getppid(), SIGUSR1);
    $peer->wait();
};
pcntl_async_signals(true);
pcntl_signal(SIGUSR1, fn() => throw new DomainException('enough'));
answered($signals, fn($client) => [get_class(heard(fn() => $result($client))[0]), $client->returnCode()]);
pcntl_signal(SIGUSR1, fn() => show('handled'));
answered($signals, function (GearmanClient $client) use ($result) {
    $client->addOptions(GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL);
    return [$result($client), $client->error()];
});
// A handler may ask by the same client.
$file = tempnam(sys_get_temp_dir(), 'info');
answered(function (FakePeer $peer) use ($file) {
    posix_kill(posix_getppid(), SIGUSR1);
    wait_until(fn() => !file_exists($file));
    $peer->send("state\tdone\ndata\tYQ==\n.\n");
}, function (GearmanClient $client) use ($result, $file) {
    pcntl_signal(SIGUSR1, function () use ($client, $file) {
        show('in the handler', $client->cancelJob(''), code($client));
        unlink($file);
    });
    return $result($client);
});
--EXPECT--
-- info
'handle\tH:x:1\nfunction\tf\nunique\t\nstate\tru': [handle => a handle, function => 'f', unique => '', state => 'running', priority => 'normal', background => true, tries => 2, due => 1000000000, age => 0, worker => 'me', numerator => 1, denominator => 2, reason => 'exception', text => 'a\nb\000c%'], SUCCESS
'handle\tH:x:1\r\nfunction\tf\r\nunique\t\r\nstate': 'a\nb\000c%', SUCCESS
'.\n': [], SUCCESS
'background\t0\ntries\t-1\ndue\tsoon\nage\t99999': [background => false, tries => -1, due => 'soon', age => '99999999999999999999', new-one => '5'], SUCCESS
'ERR UNKNOWN_JOB\r\n': false, JOB_NOT_FOUND
'ERR UNKNOWN_COMMAND Unknown+server+comma': false, SERVER_ERROR
    GearmanClient::jobInfo(): server 127.0.0.1:PORT refused: it does not know the text command "job" (UNKNOWN_COMMAND)
'no tab\n.\n': false, INVALID_PACKET
    GearmanClient::jobInfo(): protocol error: a line in answer to a text command that is no key with a value
'handle\tH:x:1\nstate': false, LOST_CONNECTION
    GearmanClient::jobInfo(): lost connection to 127.0.0.1:PORT: the server closed the connection before the end of its answer
'\000RES\000\000\000\023\000\000\000\000': false, UNEXPECTED_PACKET
    GearmanClient::jobInfo(): protocol error: 127.0.0.1:PORT: a NUL in answer to a text command
'': false, LOST_CONNECTION
    GearmanClient::jobInfo(): lost connection to 127.0.0.1:PORT: the server closed the connection before the end of its answer
a server: false, TIMEOUT
    GearmanClient::jobInfo(): timeout reached, nothing was heard from 127.0.0.1:PORT
a server: 'a\nb\000c%', SUCCESS
-- results
'state\tdone\ndata\tYQAK/w==\n.\n': 'a\000\n\377', SUCCESS
'state\tdone\ndata\t\n.\n': '', SUCCESS
a server: true, SUCCESS
'state\tfailed\nreason\texception: no disk\n.': [false, 'WORK_FAIL: the job failed: exception: no disk'], WORK_FAIL
'state\tqueued\n.\n': [false, 'IN_PROGRESS: the job has not ended: queued'], IN_PROGRESS
'state\tdone\ndata\t!\n.\n': false, INVALID_PACKET
    GearmanClient::jobResult(): protocol error: the result of a job that is no base64
'data\tYQ==\n.\n': false, INVALID_PACKET
    GearmanClient::jobResult(): protocol error: the result of a job without its state
'ERR UNKNOWN_JOB\r\n': false, JOB_NOT_FOUND
-- silence
a server: false, TIMEOUT
    GearmanClient::jobResult(): timeout reached, nothing was heard from 127.0.0.1:PORT
a server: false, TIMEOUT
    GearmanClient::jobResult(): timeout reached, nothing was heard from 127.0.0.1:PORT
a server: ['DomainException', 0], SUCCESS
handled
a server: [false, 'IO_WAIT: a signal was handled'], IO_WAIT
in the handler: false, INVALID_ARGUMENT
a server: 'a', SUCCESS
    GearmanClient::cancelJob(): a job handle is not empty and holds neither blanks nor NUL bytes
