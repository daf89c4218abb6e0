--TEST--
Every procedural twin does what its method does, and warns under its own name
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$irregular = [
    'GearmanClient::getErrno' => 'gearman_client_get_errno',
    'GearmanWorker::getErrno' => 'gearman_worker_errno',
    'GearmanTask::taskNumerator' => 'gearman_task_numerator',
    'GearmanTask::taskDenominator' => 'gearman_task_denominator',
];
$snake = fn(string $name) => strtolower(preg_replace('/(?<=[a-z])[A-Z]/', '_$0', $name));
$make = [
    'GearmanClient' => fn() => gearman_client_create(),
    'GearmanWorker' => fn() => gearman_worker_create(),
    'GearmanTask' => fn() => new GearmanTask(),
    'GearmanJob' => fn() => new GearmanJob(),
];
// Arguments that do no harm, by the name of the parameter or its type.
$argument = fn(ReflectionParameter $p) => match (true) {
    $p->name === 'host' => HOST,
    $p->name === 'port' => PORT,
    $p->name === 'servers' => HOST . ':' . PORT,
    (string) $p->getType() === 'int', $p->name === 'when' => 2,
    (string) $p->getType() === 'bool' => false,
    (string) $p->getType() === 'callable' => fn() => null,
    (string) $p->getType() === 'mixed' => 'context',
    default => "text$p->name",
};
$outcome = function (callable $f) {
    $warnings = [];
    set_error_handler(function ($level, $text) use (&$warnings) { $warnings[] = $text; return true; });
    try {
        $value = $f();
    } catch (Throwable $e) {
        $value = get_class($e) . ': ' . $e->getMessage();
    }
    restore_error_handler();
    return [is_object($value) ? get_class($value) : $value, $warnings];
};

$called = [];
$warned = 0;
foreach ($make as $class => $new) {
    foreach ((new ReflectionClass($class))->getMethods() as $method) {
        if (in_array($method->name, ['__construct', '__destruct'])) {
            continue;
        }
        $name = "$class::$method->name";
        $twin = $irregular[$name] ?? strtolower(substr_replace($class, '_', 7, 0)) . '_' . $snake($method->name);
        if (!function_exists($twin)) {
            echo "$name has no function $twin\n";
            continue;
        }
        $called[] = $twin;
        $values = array_map($argument, $method->getParameters());
        // Alone, without servers, functions, tasks: some fail, and both ways alike.
        [$a, $of_a] = [$new(), null];
        [$b, $of_b] = [$new(), null];
        [$by_method, $method_warnings] = $outcome(fn() => $a->{$method->name}(...$values));
        [$by_function, $function_warnings] = $outcome(fn() => $twin($b, ...$values));
        if (json_encode($by_method) !== json_encode($by_function) || $a->returnCode() !== $b->returnCode()) {
            echo "$name gives ", json_encode($by_method), " and {$a->returnCode()}, $twin ", json_encode($by_function), " and {$b->returnCode()}\n";
        }
        $other_name = fn(string $text) => str_replace("$name(): ", "$twin(): ", $text);
        if (array_map($other_name, $method_warnings) !== $function_warnings) {
            echo "$name warns ", json_encode($method_warnings), ", $twin ", json_encode($function_warnings), "\n";
        }
        foreach ($function_warnings as $text) {
            $warned++;
            str_starts_with($text, "$twin(): ") || print("$twin: $text\n");
        }
        // The object is the first parameter, and must be one of its class.
        $error = $outcome(fn() => $twin(new stdClass(), ...$values))[0];
        $expected = "TypeError: $twin(): Argument #1 (\$obj) must be of type $class, stdClass given";
        $error === $expected || print("$twin: " . json_encode($error) . "\n");
    }
}
echo count($called) > 80 ? 'all' : count($called), " twins called, some of which warned: ", var_export($warned > 10, true), "\n";
echo 'functions only: ', implode(', ', array_diff(array_keys((new ReflectionExtension('gearman'))->getFunctions()), $called)), "\n";
echo get_class(gearman_client_create()), ', ', get_class(gearman_worker_create()), ', ', gearman_version(), "\n";
--EXPECT--
all twins called, some of which warned: true
functions only: gearman_version, gearman_bugreport, gearman_verbose_name, gearman_client_create, gearman_worker_create
GearmanClient, GearmanWorker, 1.1.20
