<?php
// redis.php push|pipelined N: N strings pushed to a list, one by one or all at once. For scale.
require __DIR__ . '/bench.inc';
[, $how, $n] = [$argv[0], $argv[1], (int) $argv[2]];

$redis = new Redis();
$redis->connect(getenv('BENCH_HOST'), (int) getenv('BENCH_PORT'));
timed(function () use ($redis, $how, $n) {
    $to = $how === 'pipelined' ? $redis->pipeline() : $redis;
    for ($i = 0; $i < $n; $i++) {
        $to->rPush('echo', 'twelve bytes');
    }
    if ($how === 'pipelined') {
        $to->exec();
    }
});
check($redis->lLen('echo') === $n, 'not all were pushed');
