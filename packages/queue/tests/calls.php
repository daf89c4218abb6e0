<?php

// Calls of a queue, one after the other: php calls.php DSN put|size ... Prints what each gives, or why it does not.

declare(strict_types=1);

use GearmanRs\Queue\Options;
use GearmanRs\Queue\Queue;
use GearmanRs\Queue\QueueException;

require dirname(__DIR__, 2) . '/autoload.php';

[, $dsn] = $argv;
$queue = new Queue(Options::fromDsn($dsn));
foreach (array_slice($argv, 2) as $call) {
    try {
        echo match ($call) {
            'put' => $queue->put('q', 'body'),
            'size' => $queue->size('q'),
        }, "\n";
    } catch (QueueException $e) {
        echo $e->getMessage(), "\n";
    }
}
