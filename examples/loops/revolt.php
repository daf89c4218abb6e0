<?php

/** The same with Revolt and packages/revolt. AUTOLOAD names composer's autoloader; without it, that of the package's tests is used. */

use GearmanRs\Revolt\GearmanLoopClient;
use Revolt\EventLoop;

require getenv('AUTOLOAD') ?: __DIR__ . '/../../packages/revolt/tests/autoload.php';

$client = new GearmanLoopClient($argv[1] ?? '127.0.0.1:4730');
$ticks = 0;
$timer = EventLoop::repeat(0.001, function () use (&$ticks): void {
    $ticks++;
});
$futures = array_map(fn (string $word) => $client->submit('reverse', $word), ['one', 'two', 'three']);
$results = array_map(fn ($future) => $future->await(), $futures);
echo 'results: ', implode(' ', $results), "\nticks: $ticks\n";
EventLoop::cancel($timer);
