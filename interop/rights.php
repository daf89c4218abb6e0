<?php
// A client and a worker on a server that refuses what does not begin with "open": rights.php PORT ours|pecl. Prints lines of checks.

[, $port, $kind] = $argv;
$port = (int) $port;
$ours = $kind === 'ours';

function check(string $name, mixed $wanted, mixed $got): void
{
    $shown = fn(mixed $value) => is_string($value) ? $value : json_encode($value);
    echo $wanted === $got ? "ok   $name\n" : "FAIL $name: wanted {$shown($wanted)}, got {$shown($got)}\n";
}

$warnings = [];
set_error_handler(function (int $level, string $text) use (&$warnings) {
    $warnings[] = $text;
    return true;
});
pcntl_alarm(30);

$client = new GearmanClient();
$client->addServer('127.0.0.1', $port);
$open = "open_php_$kind";
$begin = microtime(true);
$client->doBackground('secret', 'x');
check('a background job is refused', GEARMAN_SERVER_ERROR, $client->returnCode());
check('with the reason', true, str_contains($client->error() . implode($warnings), 'no right to submit secret'));
$client->doNormal('secret', 'x');
check('a foreground job is refused', GEARMAN_SERVER_ERROR, $client->returnCode());
check('at once', true, microtime(true) - $begin < 5);
$handle = $client->doBackground($open, 'one');
check('and others are not, afterwards', GEARMAN_SUCCESS, $client->returnCode());
check('their status neither', true, $client->jobStatus($handle)[0]);

$done = [];
$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', $port);
foreach (["secret_$kind", $open, "hidden_$kind"] as $function) {
    $worker->addFunction($function, function (GearmanJob $job) use (&$done) {
        $done[] = $job->workload();
        return $job->workload();
    });
}
$worker->setTimeout(5000);
$warnings = [];
$codes = [];
for ($calls = 0; !$done && $calls < 10; $calls++) {
    $worker->work();
    $codes[] = $worker->returnCode();
}
check('a worker has the job that it may have', ['one'], $done);
if ($ours) {
    check('in one call', [GEARMAN_SUCCESS], $codes);
    check('with a warning for each function that it may not have', 2, count(preg_grep('/no right to work (secret|hidden)/', $warnings)));
} else {
    // libgearman does not expect an error there, and says so once for each.
    check('after a failure for each function that it may not have', [GEARMAN_UNEXPECTED_PACKET, GEARMAN_UNEXPECTED_PACKET, GEARMAN_SUCCESS], $codes);
}
$client->doBackground($open, 'two');
while (count($done) < 2 && $calls++ < 20) {
    $worker->work();
}
check('and the next', ['one', 'two'], $done);
$worker->setTimeout(100);
$begin = getrusage();
check('then it waits', [false, GEARMAN_TIMEOUT], [@$worker->work(), $worker->returnCode()]);
$end = getrusage();
check('and does not spin', true, $end['ru_utime.tv_usec'] - $begin['ru_utime.tv_usec'] + 1e6 * ($end['ru_utime.tv_sec'] - $begin['ru_utime.tv_sec']) < 50_000);
