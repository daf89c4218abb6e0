--TEST--
jobStatus() of jobs that are queued, running, done or unknown
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = unique_function_name();
$client = client();
$handle = $client->doBackground($function, 'x', $key = unique_function_name('key'));
show('queued', $client->jobStatus($handle), code($client));
show('by key', $client->jobStatusByUniqueKey($key));
$worker = worker();
$worker->addFunction($function, function (GearmanJob $job) use ($client, $handle, $key) {
    show('running', $client->jobStatus($handle));
    foreach ([[1, 3], [0, 0], [7, 2], [4294967295, 4294967295]] as [$numerator, $denominator]) {
        $job->sendStatus($numerator, $denominator);
        // The worker's packets and ours are two streams.
        show('sent', wait_until(fn() => ($status = $client->jobStatus($handle))[2] === $numerator ? $status : null));
    }
    show('by key', $client->jobStatusByUniqueKey($key));
});
$worker->work();
show('done', wait_until(fn() => !($status = $client->jobStatus($handle))[0] ? $status : null), code($client));
show('by key', $client->jobStatusByUniqueKey($key));
foreach (['unknown' => 'H:nobody:99999', 'garbage' => "\xff garbage", 'empty' => '', 'long' => str_repeat('h', 1000)] as $what => $text) {
    show($what, @$client->jobStatus($text));
}
show('another client asks', client()->jobStatus($handle));
--EXPECT--
queued: [true, false, 0, 0], SUCCESS
by key: [true, false, 0, 0]
running: [true, true, 0, 0]
sent: [true, true, 1, 3]
sent: [true, true, 0, 0]
sent: [true, true, 7, 2]
sent: [true, true, 4294967295, 4294967295]
by key: [true, true, 4294967295, 4294967295]
done: [false, false, 0, 0], SUCCESS
by key: [false, false, 0, 0]
unknown: [false, false, 0, 0]
garbage: [false, false, 0, 0]
empty: [false, false, 0, 0]
long: [false, false, 0, 0]
another client asks: [false, false, 0, 0]
