<?php
// call.php N: N calls of a method that does nothing but answer.
require __DIR__ . '/bench.inc';
[, $n] = array_map('intval', $argv);

$client = new GearmanClient();
timed(function () use ($client, $n) {
    for ($i = 0; $i < $n; $i++) {
        $client->returnCode();
    }
});
