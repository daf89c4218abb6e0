<?php

/** The same with amphp's loop, version 2 (Debian: php-amphp-amp). Another autoloader may be named by AUTOLOAD. */

use Amp\Deferred;
use Amp\Loop;
use Amp\Promise;

// Debian's autoloader knows no functions.
$files = getenv('AUTOLOAD') ? [getenv('AUTOLOAD')] : ['Amp/autoload.php', 'Amp/functions.php', 'Amp/Internal/functions.php'];
array_map(fn (string $file) => require $file, $files);

$client = new GearmanClient();
[$stream] = $client->getStreams(); // from now on nothing connects but poll()
$client->addServers($argv[1] ?? '127.0.0.1:4730');
$client->setCompleteCallback(fn (GearmanTask $task, Deferred $deferred) => $deferred->resolve($task->data()));
$client->setFailCallback(
    fn (GearmanTask $task, Deferred $deferred) => $deferred->fail(new RuntimeException($client->error() ?: 'failed')),
);
$submit = function (string $function, string $workload) use ($client): Promise {
    $deferred = new Deferred();
    $client->addTask($function, $workload, $deferred);
    return $deferred->promise();
};

Loop::run(function () use ($client, $stream, $submit) {
    $watcher = Loop::onReadable($stream, fn () => $client->poll());
    $ticks = 0;
    $timer = Loop::repeat(1, function () use (&$ticks) {
        $ticks++;
    });
    $results = yield array_map(fn (string $word) => $submit('reverse', $word), ['one', 'two', 'three']);
    echo 'results: ', implode(' ', $results), "\nticks: $ticks\n";
    Loop::cancel($watcher);
    Loop::cancel($timer);
});
