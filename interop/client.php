<?php

/**
 * client.php PORT SCRATCH_FOLDER: checks what a client gets of worker.php and shout.php, which must be
 * running. Prints a line for each. Runs with our module and with pecl's.
 */

[, $port, $folder] = $argv;
const NULS = "a\0b\0\0c";

function check(string $name, mixed $wanted, mixed $got): void
{
    echo $wanted === $got ? "ok   $name\n" : "FAIL $name: wanted " . shown($wanted) . ', got ' . shown($got) . "\n";
}

function shown(mixed $value): string
{
    $text = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
    return strlen($text) > 400 ? substr($text, 0, 400) . '... (' . strlen($text) . ' characters)' : $text;
}

/** A megabyte that compresses badly, NULs and all, the same each time. */
function megabyte(): string
{
    $random = new Random\Randomizer(new Random\Engine\Xoshiro256StarStar(4730));
    return "\0" . $random->getBytes(1_048_574) . "\0";
}

/** A value too big to be shown. */
function digest(string $bytes): string
{
    return strlen($bytes) . ' bytes, crc ' . crc32($bytes);
}

function client(): GearmanClient
{
    global $port;
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', (int) $port);
    $client->setTimeout(15_000);
    return $client;
}

/** Waits until the condition is truthy; returns what it returned last. */
function await(callable $condition): mixed
{
    for ($deadline = microtime(true) + 10; !($value = $condition()) && microtime(true) < $deadline; usleep(2000)) {
        clearstatcache();
    }
    return $value;
}

/** The events of the tasks that $add adds, as [task's name, kind, what it tells]. */
function events(GearmanClient $client, callable $add): array
{
    $events = [];
    $record = function (string $kind, callable $detail) use (&$events) {
        return function (GearmanTask $task, $name) use (&$events, $kind, $detail) {
            $events[] = [$name, $kind, $detail($task)];
        };
    };
    $nothing = fn() => '';
    $data = fn(GearmanTask $task) => $task->data();
    $client->setCreatedCallback($record('created', fn($task) => preg_match('/^H:.+:\d+$/', $task->jobHandle())));
    $client->setStatusCallback($record('status', fn($task) => $task->taskNumerator() . '/' . $task->taskDenominator()));
    $client->setDataCallback($record('data', $data));
    $client->setWarningCallback($record('warning', $data));
    $client->setExceptionCallback($record('exception', $data));
    $client->setFailCallback($record('fail', $nothing));
    $client->setCompleteCallback($record('complete', $data));
    $add($client);
    if (!$client->runTasks()) {
        $events[] = ['', 'runTasks', $client->error()];
    }
    return $events;
}

$client = client();

// Jobs waited for.
foreach (['doNormal', 'doHigh', 'doLow'] as $do) {
    check($do, [NULS, GEARMAN_SUCCESS], [$client->$do('echo', NULS), $client->returnCode()]);
}
$megabyte = megabyte();
check('1 MB with NULs there and back', digest($megabyte), digest($client->doNormal('echo', $megabyte)));
check('1 MB back in pieces', digest($megabyte), digest($client->doNormal('pieces', $megabyte)));
check('data and result are joined', "onet\0oend", $client->doNormal('story', 'x'));
check('context of the function', 'hello you', $client->doNormal('context', 'you'));
check('function with a timeout', 'cba', $client->doNormal('limited', 'abc'));
check('failure', ['', GEARMAN_WORK_FAIL], [$client->doNormal('fail', 'x'), $client->returnCode()]);
check('failure by setReturn', ['', GEARMAN_WORK_FAIL], [$client->doNormal('return_fail', 'x'), $client->returnCode()]);
check('exception', ['', GEARMAN_WORK_EXCEPTION], [$client->doNormal('raise', NULS), $client->returnCode()]);
check('thrown exception', ['', GEARMAN_WORK_EXCEPTION], [$client->doNormal('throw', 'x'), $client->returnCode()]);
check('after failures', 'fine', $client->doNormal('echo', 'fine'));
check('job and ping inside a job', '[true,"INNER"]', $client->doNormal('nested', 'inner'));
check('ping', true, $client->ping(NULS));

// What the worker sees of the job.
$about = fn(string ...$unique) => json_decode($client->doNormal('about', 'workload', ...$unique), true);
$job = $about('my key');
check('name, key and size in the worker', ['about', 'my key', 8], [$job['function'], $job['unique'], $job['size']]);
check('handle in the worker', 1, preg_match('/^H:.+:\d+$/', $job['handle']));
check('a made-up key', 36, strlen($about()['unique']));
check('the key -', '-', $about('-')['unique']);
check('the key #', '1060760768', $about('#')['unique']);

// Background jobs and their status.
foreach (['doBackground', 'doHighBackground', 'doLowBackground'] as $do) {
    $handle = $client->$do('note', "$folder/$do done");
    check($do, [1, true], [preg_match('/^H:.+:\d+$/', $handle), await(fn() => @file_get_contents("$folder/$do") === "done\n")]);
}
$handle = $client->doBackground('nobody', 'x', 'waiting key');
check('same function and key: same handle', $handle, $client->doBackground('nobody', 'other', 'waiting key'));
check('other key: other handle', true, $handle !== $client->doBackground('nobody', 'x', 'other key'));
check('jobStatus of a queued job', [true, false, 0, 0], $client->jobStatus($handle));
check('jobStatus of no job', [false, false, 0, 0], $client->jobStatus('H:nowhere:1'));

$handle = $client->doBackground('hold', "$folder/hold", 'held key');
await(fn() => $client->jobStatus($handle) === [true, true, 3, 7]);
check('jobStatus of a running job', [true, true, 3, 7], $client->jobStatus($handle));
check('jobStatusByUniqueKey', [true, true, 3, 7], client()->jobStatusByUniqueKey('held key'));
check('jobStatusByUniqueKey of no job', [false, false, 0, 0], client()->jobStatusByUniqueKey('no such key'));
check('same key as a running job', $handle, $client->doLowBackground('hold', 'x', 'held key'));
$status = null;
$asking = client();
$asking->setStatusCallback(function (GearmanTask $task) use (&$status) {
    $status = [$task->isKnown(), $task->isRunning(), $task->taskNumerator(), $task->taskDenominator()];
});
$task = $asking->addTaskStatus($handle);
$asking->runTasks();
check('status task', [true, true, 3, 7], $status);

// The only worker for "note" is held: these wait, and come in the order of their priorities.
foreach (['doLowBackground' => 'low', 'doBackground' => 'normal', 'doHighBackground' => 'high'] as $do => $text) {
    $client->$do('note', "$folder/order $text");
}
touch("$folder/hold");
await(fn() => substr_count(@file_get_contents("$folder/order"), "\n") === 3);
check('priorities', "high\nnormal\nlow\n", @file_get_contents("$folder/order"));
await(fn() => !$client->jobStatus($handle)[0]);
check('jobStatus of an ended job', [false, false, 0, 0], $client->jobStatus($handle));

// Two waiting clients and one job: a process of its own is the first, and a task here the second. The job
// ends when the second is known to have joined it.
$first = pcntl_fork();
if ($first === 0) {
    file_put_contents("$folder/first", client()->doNormal('hold', "$folder/both", 'shared key'));
    pcntl_exec('/bin/true'); // an end without destructors: the connections made before are the parent's
}
await(fn() => file_exists("$folder/both.runs"));
$second = client();
$result = null;
$second->setCreatedCallback(fn() => (int) !touch("$folder/both"));
$second->setCompleteCallback(function (GearmanTask $task) use (&$result) {
    $result = $task->data();
});
$second->addTask('hold', "$folder/elsewhere", null, 'shared key');
$second->runTasks();
pcntl_waitpid($first, $status);
check('coalesced job: each client gets the result', ['held', 'held'], [@file_get_contents("$folder/first"), $result]);
check('coalesced job: runs once', "shared key\n", @file_get_contents("$folder/both.runs"));

// Tasks and their callbacks.
$told = [
    ['t', 'created', 1], ['t', 'status', '1/3'], ['t', 'data', 'one'], ['t', 'data', "t\0o"],
    ['t', 'warning', "care\0ful"], ['t', 'status', '3/3'], ['t', 'complete', 'end'],
];
foreach (['addTask', 'addTaskHigh', 'addTaskLow'] as $add) {
    check("$add: all callbacks", $told, events(client(), fn($client) => $client->$add('story', 'x', 't')));
}
check('task that fails', [['t', 'created', 1], ['t', 'data', 'before'], ['t', 'fail', '']], events(client(), fn($client) => $client->addTask('fail', 'x', 't')));
check('task that fails by setReturn', [['t', 'created', 1], ['t', 'fail', '']], events(client(), fn($client) => $client->addTask('return_fail', 'x', 't')));
check('task that raises', [['t', 'created', 1], ['t', 'exception', NULS]], events(client(), fn($client) => $client->addTask('raise', NULS, 't')));
$thrown = events(client(), fn($client) => $client->addTask('throw', 'some reason', 't'));
check('task that throws', ['created', 'exception'], array_column($thrown, 1));
foreach (['addTaskBackground', 'addTaskHighBackground', 'addTaskLowBackground'] as $add) {
    $got = events(client(), fn($client) => $client->$add('note', "$folder/$add done", 't'));
    check($add, [[['t', 'created', 1]], true], [$got, await(fn() => @file_get_contents("$folder/$add") === "done\n")]);
}
$large = [];
$tasks = client();
$tasks->setCompleteCallback(function (GearmanTask $task) use (&$large) {
    $large[] = digest($task->data());
});
$tasks->addTask('echo', $megabyte);
$tasks->runTasks();
check('task of 1 MB', [digest($megabyte)], $large);
$results = [];
$tasks = client();
$tasks->setCompleteCallback(function (GearmanTask $task, int $number) use (&$results) {
    $results[$number] = $task->data();
});
for ($number = 0; $number < 50; $number++) {
    $tasks->addTask($number % 2 ? 'echo' : 'shout', "job $number", $number);
}
$tasks->runTasks();
ksort($results);
check('50 tasks, 2 workers', array_map(fn($number) => ($number % 2 ? 'job' : 'JOB') . " $number", range(0, 49)), $results);

// Several functions of a failing kind beside ones that go well, in one run.
$mixed = client();
$kinds = [];
foreach (['Complete', 'Fail', 'Exception'] as $kind) {
    $mixed->{"set{$kind}Callback"}(function (GearmanTask $task, $name) use (&$kinds, $kind) {
        $kinds[$name] = $kind;
    });
}
foreach (['echo', 'fail', 'raise', 'shout', 'return_fail', 'throw'] as $function) {
    $mixed->addTask($function, 'x', $function);
}
check('good and bad tasks: runTasks', true, $mixed->runTasks());
ksort($kinds);
check('good and bad tasks: ends', ['echo' => 'Complete', 'fail' => 'Fail', 'raise' => 'Exception', 'return_fail' => 'Fail', 'shout' => 'Complete', 'throw' => 'Exception'], $kinds);
