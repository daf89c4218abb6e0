--TEST--
Callbacks of nested runTasks() that all ask to pause: each is called again, and every task ends
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
// Only the outermost was: the others' tasks and contexts stayed with the client for good, and runTasks() said true.
require __DIR__ . '/../api.inc';

final class Context
{
    public function __construct(private string $name)
    {
    }
    public function __destruct()
    {
        echo "  $this->name is let go\n";
    }
}

$f = serve(fn(GearmanJob $job) => strrev($job->workload()));
$client = client();
$client->setTimeout(30_000);
$client->setCompleteCallback(function (GearmanTask $task) use ($client, $f, &$calls) {
    $calls[$task->data()] = $again = isset($calls[$task->data()]);
    echo '  ', $task->data(), $again ? ' again' : '', "\n";
    if ($again) {
        return;
    }
    $inner = ['a' => 'b', 'b' => 'c'][$task->data()] ?? null;
    if ($inner !== null) {
        $client->addTask($f, $inner, new Context($inner));
        tell("  nested in {$task->data()}", $client, fn() => $client->runTasks());
    }
    return GEARMAN_PAUSE;
});
$client->addTask($f, 'a', new Context('a'));
for ($i = 1; $i <= 2; $i++) {
    tell("run $i", $client, fn() => $client->runTasks());
}
--EXPECT--
  a
  b
  c
  nested in b: true, PAUSE
  nested in a: true, PAUSE
run 1: true, PAUSE
  a again
  a is let go
  b again
  b is let go
  c again
  c is let go
run 2: true, SUCCESS
