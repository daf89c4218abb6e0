--TEST--
poll() never waits: the server is this very program, which does not answer before poll() has returned
--FILE--
<?php
require __DIR__ . '/loop.inc';

/** The server's end of one connection. */
final class Peer
{
    private string $input = '';

    public function __construct(public mixed $stream)
    {
        stream_set_blocking($stream, false);
    }
    /** What has come, if it is a whole packet: command and arguments; null: it is not there yet. */
    public function packet(): ?array
    {
        while (($bytes = (string) fread($this->stream, 1 << 16)) !== '') {
            $this->input .= $bytes;
        }
        if (strlen($this->input) < 12 || strlen($this->input) < 12 + ($size = unpack('N', $this->input, 8)[1])) {
            return null;
        }
        $packet = [unpack('N', $this->input, 4)[1], substr($this->input, 12, $size)];
        $this->input = substr($this->input, 12 + $size);
        return $packet;
    }
    public function send(string $bytes): void
    {
        fwrite($this->stream, $bytes) === strlen($bytes) || throw new RuntimeException('no room');
    }
}
function res(int $command, string ...$arguments): string
{
    $body = implode("\0", $arguments);
    return "\0RES" . pack('NN', $command, strlen($body)) . $body;
}
$listener = stream_socket_server('tcp://' . HOST . ':0');
$port = (int) substr(strrchr(stream_socket_get_name($listener, false), ':'), 1);
$accept = fn() => new Peer(stream_socket_accept($listener, 10));

// Not accepted, not answered, answered byte by byte.
$client = loop_client($port);
$client->setCreatedCallback(function (GearmanTask $task) use (&$log) { $log[] = $task->jobHandle(); });
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = $task->data(); });
$client->addTask('f', 'small', null, 'key');
settle([$client]);
$peer = $accept();
loop([$client], function () use ($peer, &$packet) { return $packet = $peer->packet(); });
show('asked', ...$packet);
$polls = 0;
foreach (str_split(res(8, 'H:x:1') . res(13, 'H:x:1', 'done')) as $byte) {
    $peer->send($byte);
    $polls += turn([$client]);
    settle([$client]);
}
show('answered', ...$log);

// More answers than are taken in a turn, all read by it: the socket is silent when the rest is due.
$client->setCreatedCallback(function () use (&$created) { $created++; });
for ($i = 0; $i < 1100; $i++) {
    $client->addTaskBackground('f', 'x');
}
for ($asked = 0; $asked < 1100;) {
    turn([$client], 0);
    while ($peer->packet()) {
        $asked++;
    }
}
settle([$client]);
$peer->send(str_repeat(res(8, 'H:x:1'), 1100));
loop([$client], function () use (&$created) { return $created === 1100; });
show('a burst', $created);

// A workload that no socket holds.
$workload = random_bytes(16 << 20);
$client->addTask('f', $workload, null, 'key');
settle([$client]);
show('stuck', turn([$client], 0), $client->poll());
loop([$client], function () use ($peer, &$packet) { return $packet = $peer->packet(); });
show('sent', $packet[0], $packet[1] === "f\0key\0$workload");
unset($client, $packet);

// A result that no socket holds: its function has ended, and the worker can do other things.
$worker = loop_worker(['f' => function () use ($workload, &$ended) { $ended = true; return $workload; }], $port);
settle([$worker]);
$peer = $accept();
$next = function () use ($peer, $worker) {
    loop([$worker], function () use ($peer, &$packet) { return $packet = $peer->packet(); });
    return $packet;
};
while (!in_array(($packet = $next())[0], [9, 30, 39])); // GRAB_JOB in one of its forms
$peer->send(res(11, 'H:x:2', 'f', 'bytes'));
loop([$worker], function () use (&$ended) { return $ended; });
settle([$worker]);
show('stuck', turn([$worker], 0));
while (($packet = $next())[0] !== 13);
show('sent', $packet[1] === "H:x:2\0$workload");
unset($worker);
--EXPECT--
asked: 7, 'f\000key\000small'
answered: a handle, 'done'
a burst: 1100
stuck: 0, null
sent: 7, true
stuck: 0
sent: true
