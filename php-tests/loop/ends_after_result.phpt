--TEST--
A worker in a loop that ends after a large result: what the socket did not take is sent by ping(), which waits
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/loop.inc';

$f = unique_function_name();
$job = client()->doBackground($f, 'x');
$pid = spawn(function () use ($f) {
    $done = false;
    $worker = loop_worker([$f => function () use (&$done) {
        $done = true;
        return str_repeat('x', 50_000_000);
    }]);
    loop([$worker], function () use (&$done) { return $done; });
    return $worker->ping('all there?') ? 0 : 1;
}, clean: false);
wait_child($pid, 60);
wait_until(fn () => !client()->jobStatus($job)[0], 30, 'the end of the job');
show('status', ...function_status($f));
?>
--EXPECT--
status: 0, 0, 0
