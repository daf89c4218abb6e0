--TEST--
Workloads and results of any bytes and size come back unchanged
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
serve([$f => function ($job) {
    $job->workloadSize() === strlen($job->workload()) || exit;
    return $job->workload();
}]);
$client = client();
$every = implode(array_map(chr(...), range(0, 255)));
foreach (["\0", '0', ' ', "\0REQ\0\0\0\7", "\r\n", $every, str_repeat($every, 12288), ...array_map(fn($n) => str_repeat('x', $n), [1, 8191, 8192, 8193, 65536])] as $workload) {
    echo strlen($workload), ' ', json_encode($client->doNormal($f, $workload) === $workload), ' ', code($client->returnCode()), "\n";
}
--EXPECT--
1 true SUCCESS
1 true SUCCESS
1 true SUCCESS
8 true SUCCESS
2 true SUCCESS
256 true SUCCESS
3145728 true SUCCESS
1 true SUCCESS
8191 true SUCCESS
8192 true SUCCESS
8193 true SUCCESS
65536 true SUCCESS
