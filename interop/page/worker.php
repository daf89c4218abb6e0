<?php

/**
 * worker.php PORT FUNCTION FILE TEXT: a job is done once FILE exists; before, it throws with TEXT.
 */

[, $port, $function, $file, $text] = $argv;

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $port);
$worker->addFunction($function, function () use ($file, $text) {
    clearstatcache();
    return file_exists($file) ? 'done' : throw new DomainException($text);
});
while (true) {
    try {
        $worker->work();
    } catch (DomainException) {
        // The server has it; the next job comes.
    }
}
