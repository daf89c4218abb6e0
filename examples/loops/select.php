<?php

/** Many jobs at a time in a loop of stream_select(), while a timer ticks. No library is needed. */
$client = new GearmanClient();
$streams = $client->getStreams(); // from now on nothing connects but poll()
$client->addServers($argv[1] ?? '127.0.0.1:4730');
$results = [];
$client->setCompleteCallback(function (GearmanTask $task, int $i) use (&$results): void {
    $results[$i] = $task->data();
});
$client->setFailCallback(function (GearmanTask $task, int $i) use ($client, &$results): void {
    $results[$i] = $client->error() ?: 'failed';
});
foreach (['one', 'two', 'three'] as $i => $word) {
    $client->addTask('reverse', $word, $i);
}

$ticks = 0;
$next = microtime(true);
while (count($results) < 3) {
    $left = max(0, $next - microtime(true));
    [$read, $write, $except] = [$streams, null, null];
    stream_select($read, $write, $except, (int) $left, (int) (fmod($left, 1) * 1e6));
    if ($read) {
        $client->poll();
    }
    if (microtime(true) >= $next) {
        $ticks++;
        $next += 0.001;
    }
}
ksort($results);
echo 'results: ', implode(' ', $results), "\nticks: $ticks\n";
