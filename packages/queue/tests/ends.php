<?php

// A process that takes a job and does not end it: php ends.php SERVER QUEUE HOW. Prints the job's body when it has it.

declare(strict_types=1);

require dirname(__DIR__, 2) . '/autoload.php';

[, $server, $queue, $how] = $argv;
$job = (new GearmanRs\Queue\Queue(new GearmanRs\Queue\Options([$server])))->take($queue, 10);
echo $job?->body, "\n";
switch ($how) {
    case 'exit':
        exit(3);
    case 'exit in a function that holds it':
        (static fn (GearmanRs\Queue\TakenJob $job) => exit(3))($job);
    case 'uncaught exception':
        throw new Exception('not caught');
    case 'fatal error':
        ini_set('memory_limit', '8M');
        str_repeat('x', 1 << 30);
        break;
    case 'SIGKILL':
        posix_kill(posix_getpid(), SIGKILL);
}
