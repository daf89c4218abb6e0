--TEST--
Worker functions of every kind of callable, called with job and context
--FILE--
<?php
require __DIR__ . '/../api.inc';

function by_name(GearmanJob $job): string
{
    return 'by_name';
}

class Handlers
{
    public function method(GearmanJob $job): string
    {
        return 'method';
    }
    public static function shared(GearmanJob $job): string
    {
        return 'shared';
    }
    public function __invoke(GearmanJob $job): string
    {
        return '__invoke';
    }
    public function __call(string $name, array $arguments): string
    {
        return "__call $name";
    }
    public static function __callStatic(string $name, array $arguments): string
    {
        return "__callStatic $name";
    }
}

$handlers = new Handlers();
$worker = worker();
$client = client();
$run = function (string $what, mixed $callable) use ($worker, $client) {
    $function = unique_function_name();
    $added = $worker->addFunction($function, $callable);
    $result = null;
    // The result goes to the client: a foreground one that does not wait.
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
    $client->setCompleteCallback(function (GearmanTask $task) use (&$result) { $result = $task->data(); });
    $client->addTask($function, 'x');
    wait_until(fn() => $client->runTasks() && function_status($function)[0] === 1);
    $worked = $worker->work();
    wait_until(fn() => $client->runTasks() && $client->returnCode() === GEARMAN_SUCCESS);
    show($what, $added, $worked, $result);
};
$run('name', 'by_name');
$run('closure', function (GearmanJob $job) { return 'closure'; });
$run('static closure', static fn() => 'static closure');
$run('no parameters', fn() => func_num_args());
$run('both parameters', fn(GearmanJob $job, $context) => var_export($context, true));
$run('variadic', fn(...$arguments) => count($arguments));
$run('method', [$handlers, 'method']);
$run('static method', ['Handlers', 'shared']);
$run('static method by text', 'Handlers::shared');
$run('invokable', $handlers);
$run('first class', by_name(...));
$run('first class method', $handlers->method(...));
$run('Closure::fromCallable', Closure::fromCallable([$handlers, 'method']));
$run('__call', [$handlers, 'anything']);
$run('__callStatic', 'Handlers::anything');
$run('name in another case', 'BY_NAME');
--EXPECT--
name: true, true, 'by_name'
closure: true, true, 'closure'
static closure: true, true, 'static closure'
no parameters: true, true, '2'
both parameters: true, true, 'NULL'
variadic: true, true, '2'
method: true, true, 'method'
static method: true, true, 'shared'
static method by text: true, true, 'shared'
invokable: true, true, '__invoke'
first class: true, true, 'by_name'
first class method: true, true, 'method'
Closure::fromCallable: true, true, 'method'
__call: true, true, '__call anything'
__callStatic: true, true, '__callStatic anything'
name in another case: true, true, 'by_name'
