--TEST--
Unique keys of 64 bytes, such as sha256 in hex, work everywhere; a server that would never answer a question about one is not asked
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* Jobs took such keys, the documentation said 63 bytes, and jobStatusByUniqueKey() refused them with returnCode() at 0,
   which a loop that waits for the end of a job reads as "done". A C server never answers when asked; and it cuts the key, does
   not know it again, and puts a NUL before the workload. */
require __DIR__ . '/../api.inc';

$classic = str_starts_with(admin('version'), 'OK 1.');
$key = hash('sha256', unique_function_name());
$function = unique_function_name();
$client = client();
$client->setTimeout(5000);

$handle = $client->doBackground($function, 'x', $key);
show('queued', strlen($key), code($client));
show('again', $classic || $client->doBackground($function, 'y', $key) === $handle);
show('seen', count(array_keys(explode("\n", admin('show unique jobs')), $classic ? substr($key, 0, 63) : $key)));

$ask = function (string $what, array $expected, string $key) use ($client, $classic) {
    @$client->ping(''); // an earlier failure
    $before = $client->returnCode();
    $client->ping('x');
    set_error_handler(function ($level, $text) use (&$warning) { $warning = $text; return true; });
    $got = $client->jobStatusByUniqueKey($key);
    restore_error_handler();
    $refused = $got === [false, false, 0, 0] && $client->returnCode() === $before && $warning !== null
        && str_contains($client->error(), explode(': ', $warning, 2)[1]);
    show($what, $classic ? $refused : $got === $expected && $warning === null && $client->returnCode() === GEARMAN_SUCCESS);
};
$ask('queued', [true, false, 0, 0], $key);
$ask('another key', [false, false, 0, 0], strrev($key));
show('by handle', $client->jobStatus($handle));

$worker = worker([$function => function (GearmanJob $job) use ($ask, $key, $classic) {
    show('the function sees it', $job->unique() === ($classic ? substr($key, 0, 63) : $key));
    $job->sendStatus(1, 2);
    wait_until(fn() => $classic || client()->jobStatusByUniqueKey($key) === [true, true, 1, 2]);
    $ask('running', [true, true, 1, 2], $key);
}]);
$worker->work();
wait_until(fn() => !$client->jobStatus($handle)[0]);
$ask('done', [false, false, 0, 0], $key);

// A job that runs on the same connection is not disturbed.
$echo = serve(fn($job) => $job->workload());
$client->setCreatedCallback(fn() => $ask('while a task runs', [false, false, 0, 0], strrev($key)));
$client->setCompleteCallback(fn($task) => show('the task', ltrim($task->data(), "\0"), $task->unique() === $key));
$client->addTask($echo, 'x', null, $key);
show('run', $client->runTasks(), code($client));
show('65 bytes', $client->doBackground($function, 'x', $key . 'k'), code($client));
show('65 bytes', $client->jobStatusByUniqueKey($key . 'k'), code($client), $client->error());
--EXPECT--
queued: 64, SUCCESS
again: true
seen: 1
queued: true
another key: true
by handle: [true, false, 0, 0]
the function sees it: true
running: true
done: true
while a task runs: true
the task: 'x', true
run: true, SUCCESS
  Warning: GearmanClient::doBackground()
65 bytes: '', INVALID_ARGUMENT
  Warning: GearmanClient::jobStatusByUniqueKey()
65 bytes: [false, false, 0, 0], INVALID_ARGUMENT, 'INVALID_ARGUMENT: the unique key is longer than 64 bytes'
