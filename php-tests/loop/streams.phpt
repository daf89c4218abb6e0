--TEST--
getStreams(): a stream that is closed, read, forked, kept longer than its client, or watched by a child
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/loop.inc';

function is_ready(mixed $stream, float $seconds = 0): bool
{
    [$read, $write, $except] = [[$stream], null, null];
    return stream_select($read, $write, $except, 0, (int) (1e6 * $seconds)) === 1;
}
$f = serve(fn(GearmanJob $job) => strrev($job->workload()));
$client = loop_client();
$log = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = $task->data(); });
$run = function (string $workload) use ($client, $f, &$log) {
    $client->addTask($f, $workload);
    loop([$client], function () use (&$log, $workload) { return in_array(strrev($workload), $log, true); });
    settle([$client]);
    return end($log);
};
$stream = $client->getStreams()[0];
show('first', $run('abc'), $client->getStreams() === [$stream]);

// Nobody can take away what the server sent, nor say anything in its place.
$client->addTask($f, 'bytes');
settle([$client]);
show('read', (string) @fread($stream, 100), (int) @fwrite($stream, 'x'), @stream_set_blocking($stream, false));
show('all the same', $run('def'), $log);

// Closed by the program: there is another.
fclose($stream);
$second = $client->getStreams()[0];
show('closed', is_resource($stream), is_resource($second), $second === $stream, $run('ghi'));

// A connection that ends makes no new stream.
$server = start_gearmand();
$there = loop_client($server->port);
$there->setFailCallback(function () use (&$failed) { $failed = true; });
$before = $there->getStreams();
$there->addTask($f, 'x');
settle([$there]);
$server->stop(SIGKILL);
loop([$there], function () use (&$failed) { return $failed; });
settle([$there]);
show('lost', $there->getStreams() === $before, is_ready($before[0]));

// A child has streams of its own, and leaves its parent's alone; a connection that a child has a copy of is over all the same.
$failed = 0;
$client->setFailCallback(function () use (&$failed) { $failed++; });
$never = unique_function_name('never');
$client->addTask($never, 'of the parent');
settle([$client]);
$status = wait_child(spawn(function () use ($client, $second, $f, $run, &$failed) {
    $mine = $client->getStreams()[0];
    return $mine !== $second && $client->getStreams() === [$mine] && $run('child') === 'dlihc' && $failed === 1 ? 7 : 1;
}));
show('child', $status, $client->getStreams() === [$second], $run('still'), $failed, function_status($never)[0]);

$idle = spawn(function () { for (;;) { sleep(60); } }, clean: false);
$kept = $client->getStreams()[0];
settle([$client]);
$client->addTask($f, 'under way');
turn([$client]);
unset($run, $client);
show('kept', is_resource($kept), is_ready($kept));
stop_child($idle, SIGKILL);
fclose($kept);

// Many, one after the other, leave nothing behind.
$open = fn() => count(scandir('/proc/self/fd'));
$before = $open();
for ($i = 0; $i < 50; $i++) {
    $one = loop_client();
    $one->getStreams();
    $one->addTask($f, 'x');
    turn([$one]);
    $other = new GearmanWorker();
    $other->getStreams();
    unset($one, $other);
}
show('left', $open() - $before);
--EXPECT--
first: 'cba', true
read: '', 0, true
all the same: 'fed', ['cba', 'setyb', 'fed']
closed: false, true, false, 'ihg'
lost: true, false
child: 7, true, 'llits', 0, 1
kept: true, false
left: 0
