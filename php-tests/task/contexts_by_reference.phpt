--TEST--
Callbacks that take a task's context by reference: what they do to it stays for the task's next callback, and for no other task
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* As for worker functions: a callback with `&$context` got a warning and a copy, so that nothing could be gathered in it. */
require __DIR__ . '/../api.inc';

$function = serve(function (GearmanJob $job) {
    if ($job->workload() === 'fail') {
        return $job->sendFail();
    }
    for ($i = 1; $i <= 3; $i++) {
        $job->sendData("$i");
        $job->sendStatus($i, 3);
    }
    return 'end';
});
final class Both
{
    public function __call($name, $arguments) { show("  $name", $arguments[1]); $arguments[1] = 'changed by __call()'; }
}

$client = client();
echo "gathered\n";
$client->setCreatedCallback(function (GearmanTask $task, &$context) { $context = ['created']; });
$client->setDataCallback(function (GearmanTask $task, array &$context) { $context[] = 'data ' . $task->data(); });
$client->setStatusCallback(function (GearmanTask $task, array $context) { $context[] = 'lost'; });
$client->setCompleteCallback(function (GearmanTask $task, array $context) { $context[] = $task->data(); show('  complete', $context); });
$client->setFailCallback(function (GearmanTask $task, &$context) { $context[] = 'failed'; show('  fail', $context); });
$before = 'the variable';
$client->addTask($function, 'x', $before);
$client->runTasks();
show('the variable is not the context', $before);
$client->addTask($function, 'fail', null);
$client->runTasks();

echo "each task has its own\n";
$seen = [];
$client->clearCallbacks();
$client->setDataCallback(function (GearmanTask $task, int &$count) { $count++; });
$client->setCompleteCallback(function (GearmanTask $task, int $count) use (&$seen) { $seen[$task->unique()] = $count; });
for ($i = 1; $i <= 3; $i++) {
    $client->addTask($function, 'x', $i * 10, "key $i");
}
$client->runTasks();
ksort($seen);
show('counts', $seen);

echo "by value, beside one by reference\n";
$client->clearCallbacks();
$client->setCreatedCallback(function (GearmanTask $task, &$context) { $context .= ' and more'; });
$client->setDataCallback([new Both(), 'data']);
$client->setCompleteCallback(fn(GearmanTask $task, ...$rest) => show('  complete', ...$rest));
$client->addTask($function, 'x', 'text');
$client->runTasks();

echo "without a context\n";
$client->clearCallbacks();
$client->setCompleteCallback(function (GearmanTask $task, &$context = 'default') { $context .= ' value'; show('  complete', func_num_args(), $context); });
$client->addTask($function, 'x');
$client->runTasks();

echo "the task by reference\n";
$client->setCompleteCallback(function (GearmanTask &$task, &$context) { show('  complete', $task->data(), $context); $task = $context = null; });
$client->addTask($function, 'x', 'text');
$client->runTasks();

echo "objects, and what callbacks do besides\n";
$client->setCreatedCallback(function (GearmanTask $task, ArrayObject &$list) { $list = new ArrayObject([...$list, 'created']); });
$client->setDataCallback(function (GearmanTask $task, &$list) { $list[] = $task->data(); return count($list) === 3 ? GEARMAN_PAUSE : null; });
$client->setStatusCallback(function (GearmanTask $task, &$list) {
    $list[] = 'status';
    if (count($list) === 5) {
        throw new LogicException('in between');
    }
});
$client->setCompleteCallback(function (GearmanTask $task, &$list) use ($client, $function) {
    static $first = true;
    if ($first) {
        $first = false;
        $client->addTask($function, 'x', new ArrayObject(['nested']));
        while (true) {
            try {
                if ($client->runTasks() && $client->returnCode() === GEARMAN_SUCCESS) {
                    break;
                }
            } catch (LogicException) {
            }
        }
        $client->setCompleteCallback('is_object');
    }
    show('  complete', $list->getArrayCopy());
    $list = null;
});
$context = new ArrayObject(['begin']);
$reference = WeakReference::create($context);
$client->addTask($function, 'x', $context);
unset($context);
show('paused', $client->runTasks(), code($client));
show('thrown', fn() => $client->runTasks());
while (true) {
    $client->runTasks();
    if ($client->returnCode() === GEARMAN_SUCCESS) {
        break;
    }
}
show('let go', $reference->get() === null);
--EXPECT--
gathered
  complete: ['created', 'data 1', 'data 2', 'data 3', 'end']
the variable is not the context: 'the variable'
  fail: ['created', 'failed']
each task has its own
counts: [key 1 => 13, key 2 => 23, key 3 => 33]
by value, beside one by reference
  data: 'text and more'
  data: 'text and more'
  data: 'text and more'
  complete: 'text and more'
without a context
  complete: 1, 'default value'
the task by reference
  complete: 'end', 'text'
objects, and what callbacks do besides
paused: true, PAUSE
thrown: LogicException: in between
  complete: ['nested', 'created', '1', '1', 'status', '2', 'status', '3', 'status']
  complete: ['begin', 'created', '1', '1', 'status', '2', 'status', '3', 'status']
let go: true
