--TEST--
Too few or too many arguments are an ArgumentCountError, and nothing is done
--FILE--
<?php
require __DIR__ . '/../api.inc';

$fewest = ['do' => 2, 'doNormal' => 2, 'doHigh' => 2, 'doLow' => 2, 'doBackground' => 2, 'doHighBackground' => 2, 'doLowBackground' => 2, 'addTask' => 2,
    'addTaskHigh' => 2, 'addTaskLow' => 2, 'addTaskBackground' => 2, 'addTaskHighBackground' => 2, 'addTaskLowBackground' => 2, 'addFunction' => 2];
$count = 0;
foreach (['GearmanClient', 'GearmanWorker'] as $class) {
    foreach ((new ReflectionClass($class))->getMethods() as $method) {
        $parameters = $method->getNumberOfParameters();
        foreach (array_unique([$method->getNumberOfRequiredParameters() - 1, $parameters + 1]) as $n) {
            if ($n < 0) {
                continue;
            }
            try {
                $values = array_slice(['text', 'text', 'text', 1, 1, 1, 1], 0, $n);
                $method->isConstructor() ? new $class(...$values) : $method->invoke(new $class(), ...$values);
                echo "$class::$method->name() with $n arguments: no error\n";
            } catch (ArgumentCountError $e) {
                $count++;
                str_starts_with($e->getMessage(), "$class::$method->name() expects ") || print($e->getMessage() . "\n");
            }
        }
    }
}
show('more than a hundred errors', $count > 100);
foreach ($fewest as $name => $n) {
    $method = new ReflectionMethod($name === 'addFunction' ? 'GearmanWorker' : 'GearmanClient', $name);
    $method->getNumberOfRequiredParameters() === $n || print("$name requires {$method->getNumberOfRequiredParameters()}\n");
}
show('new GearmanClient(1)', fn() => new GearmanClient(1));
show('new GearmanWorker(1)', fn() => new GearmanWorker(1));
show('gearman_client_create(1)', fn() => gearman_client_create(1));
show('gearman_worker_work()', fn() => gearman_worker_work());
--EXPECT--
more than a hundred errors: true
new GearmanClient(1): ArgumentCountError: GearmanClient::__construct() expects exactly 0 arguments, 1 given
new GearmanWorker(1): ArgumentCountError: GearmanWorker::__construct() expects exactly 0 arguments, 1 given
gearman_client_create(1): ArgumentCountError: gearman_client_create() expects exactly 0 arguments, 1 given
gearman_worker_work(): ArgumentCountError: gearman_worker_work() expects exactly 1 argument, 0 given
