--TEST--
A function that takes its context by reference: what it counts there stays for the next job, and nobody else sees a difference
--FILE--
<?php
/* The manual's own example, `function ($job, &$count) { $count++; … }`, gave "must be passed by reference, value given" for
   each job, and counted to 1 for ever: in pecl, too. */
require __DIR__ . '/../api.inc';

function counts(GearmanJob $job, &$count)
{
    return ++$count;
}
class Counter
{
    public function method(GearmanJob $job, &$count) { return ++$count; }
    public static function fixed(GearmanJob $job, &$count) { return ++$count; }
    public function __invoke(GearmanJob $job, &$count) { return ++$count; }
    private function hidden(GearmanJob $job, &$count) { return ++$count; }
    public function add(GearmanWorker $worker, string $name) { $worker->addFunction($name, $this->hidden(...), 5); }
    public function __call($name, $arguments) { $arguments[1]++; return $arguments[1]; }
    public static function __callStatic($name, $arguments) { $arguments[1]++; return $arguments[1]; }
}

$client = client();
$worker = worker();
/** Runs jobs of a function, and gives their results. */
$run = function (string $name, int $jobs = 3) use ($client, $worker): array {
    $results = [];
    $client->setCompleteCallback(function ($task) use (&$results) { $results[] = $task->data(); });
    for ($i = 0; $i < $jobs; $i++) {
        $client->addTask($name, "$i");
    }
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
    $client->runTasks(); // sends them
    $client->removeOptions(GEARMAN_CLIENT_NON_BLOCKING);
    for ($i = 0; $i < $jobs; $i++) {
        $worker->work();
    }
    $client->runTasks();
    return $results;
};
/** Registers, runs three jobs, and shows the results. */
$three = function (string $what, mixed $callable, mixed ...$context) use ($run, $worker) {
    $name = unique_function_name();
    $callable === 'add' ? (new Counter())->add($worker, $name) : $worker->addFunction($name, $callable, ...$context);
    show($what, $run($name));
    return $name;
};

echo "by reference\n";
$count = 10;
$three('function', 'counts', $count);
show('the variable itself is not the context', $count);
$three('none given', 'counts');
$three('null', 'counts', null);
$three('closure', function ($job, &$count) { return ++$count; }, 0);
$three('arrow function', fn($job, &$count) => ++$count, 0);
$three('method', [new Counter(), 'method'], 0);
$three('static method', ['Counter', 'fixed'], 0);
$three('named', 'Counter::fixed', 0);
$three('invokable', new Counter(), 0);
$three('__invoke of it', [new Counter(), '__invoke'], 0);
$three('__invoke of a closure', [function ($job, &$count) { return ++$count; }, '__invoke'], 0);
$three('first class', counts(...), 0);
$three('private, seen from inside', 'add');
$three('the rest', fn($job, &...$rest) => ++$rest[0], 0);
$three('typed', function (GearmanJob $job, int &$count) { return ++$count; }, 0);
$three('array', function ($job, array &$seen) { $seen[] = $job->workload(); return implode('+', $seen); }, ['begin']);
$three('object', function ($job, &$list) { $list = new ArrayObject([...$list, 'x']); return count($list); }, new ArrayObject());
$three('unset inside', function ($job, &$count) { $n = ++$count; unset($count); $count = 100; return $n; }, 0);
$three('another type', function ($job, &$text) { return $text = is_array($text) ? 'text' : [1]; }, '');
$three('both', function (&$job, &$count) { $job = null; return ++$count; }, 0);
$three('the job alone', function (&$job, $count) { $workload = $job->workload(); $job = null; return $workload; }, 0);

echo "by value\n";
$three('function', fn($job, $count) => ++$count, 0);
$three('array', function ($job, $list) { $list[] = 1; return count($list); }, ['begin']);
$three('the rest', fn($job, ...$rest) => ++$rest[0], 0);
$three('__call', [new Counter(), 'unknown'], 0);
$three('__callStatic', ['Counter', 'unknown'], 0);
$three('of PHP', 'var_export', true); // var_export($job, true)

echo "each for itself\n";
$shared = fn($job, &$count) => ++$count;
$one = $three('one', $shared, 0);
$two = $three('another with the same callable', $shared, 0);
show('one goes on', $run($one, 1));
$worker->addFunction($one, $shared, 100);
show('added again', $run($one, 1));

echo "ends\n";
$name = unique_function_name();
$worker->addFunction($name, function ($job, &$count) use (&$name, $worker) {
    $count++;
    switch ($job->workload()) {
        case 'throw':
            throw new LogicException("thrown at $count");
        case 'unregister':
            $worker->unregister($name);
            break;
        case 'replace':
            $worker->addFunction($name, fn($job, &$count) => show('the new one', ++$count), 50);
    }
    show('count', $count);
}, 0);
foreach (['x', 'throw', 'x', 'replace', 'x', 'x'] as $workload) {
    $client->doBackground($name, $workload);
    show($workload, fn() => $worker->work());
}
$worker->addFunction($name, function ($job, &$object) use ($worker, $name) { $worker->unregister($name); show('still there', $object); }, $object = new stdClass());
$reference = WeakReference::create($object);
unset($object);
$client->doBackground($name, 'unregister');
show('unregisters itself', $worker->work(), $reference->get() === null);
--EXPECT--
by reference
function: ['11', '12', '13']
the variable itself is not the context: 10
none given: ['1', '2', '3']
null: ['1', '2', '3']
closure: ['1', '2', '3']
arrow function: ['1', '2', '3']
method: ['1', '2', '3']
static method: ['1', '2', '3']
named: ['1', '2', '3']
invokable: ['1', '2', '3']
__invoke of it: ['1', '2', '3']
__invoke of a closure: ['1', '2', '3']
first class: ['1', '2', '3']
private, seen from inside: ['6', '7', '8']
the rest: ['1', '2', '3']
typed: ['1', '2', '3']
array: ['begin+0', 'begin+0+1', 'begin+0+1+2']
object: ['1', '2', '3']
unset inside: ['1', '2', '3']
  Warning: Array to string conversion
  Warning: Array to string conversion
another type: ['Array', 'text', 'Array']
both: ['1', '2', '3']
the job alone: ['0', '1', '2']
by value
function: ['1', '1', '1']
array: ['2', '2', '2']
the rest: ['1', '1', '1']
__call: ['1', '1', '1']
__callStatic: ['1', '1', '1']
of PHP: ['\\GearmanJob::__set_state(array(\n))', '\\GearmanJob::__set_state(array(\n))', '\\GearmanJob::__set_state(array(\n))']
each for itself
one: ['1', '2', '3']
another with the same callable: ['1', '2', '3']
one goes on: ['4']
added again: ['101']
ends
count: 1
x: true
throw: LogicException: thrown at 2
count: 3
x: true
count: 4
replace: true
the new one: 51
x: true
the new one: 52
x: true
still there: a stdClass
unregisters itself: true, true
