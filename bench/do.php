<?php
// do.php N SIZE: N doNormal, each of SIZE bytes that come back.
require __DIR__ . '/bench.inc';
[, $n, $size] = array_map('intval', $argv);

$client = on_server(new GearmanClient());
$workload = str_repeat('x', $size);
$do = function (int $n) use ($client, $workload) {
    for ($i = 0; $i < $n; $i++) {
        check($client->doNormal('echo', $workload) === $workload, 'another result: ' . $client->error());
    }
};
$do(min(50, intdiv($n, 20) + 1)); // so that everything is warm
timed(fn () => $do($n));
