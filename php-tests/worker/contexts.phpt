--TEST--
The context of a function: any value, kept by value, objects by handle
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = client();
$worker = worker();
$box = new ArrayObject();
$list = ['a', 'b' => 2];
foreach (['none' => null, 'null' => null, 'text' => "t\0xt", 'int' => 5, 'float' => 0.5, 'bool' => false, 'array' => $list, 'object' => $box, 'closure' => fn() => 'called'] as $what => $context) {
    $function = unique_function_name();
    $run = function (...$arguments) use ($what) {
        $context = $arguments[1];
        $context instanceof ArrayObject && $context->append('seen');
        show($what, count($arguments), $context);
    };
    $what === 'none' ? $worker->addFunction($function, $run) : $worker->addFunction($function, $run, $context);
    $client->doBackground($function, 'x');
    show('work', $worker->work());
}
show('the very object', $box->getArrayCopy());

// A change of the variable does not reach it; a change in the function does not last.
$worker->addFunction($function = unique_function_name(), function ($job, $context) { $context[] = 'more'; show('array', $context); }, $list);
$list = 'changed';
$client->doBackground($function, 'x');
$client->doBackground($function, 'y');
show('work', $worker->work(), $worker->work());

// Let go with the function.
$worker->addFunction($function, fn() => '', $object = new stdClass());
$reference = WeakReference::create($object);
unset($object);
show('kept', $reference->get() !== null);
$worker->unregister($function);
show('let go', $reference->get() === null);
--EXPECT--
none: 2, null
work: true
null: 2, null
work: true
text: 2, 't\000xt'
work: true
int: 2, 5
work: true
float: 2, 0.5
work: true
bool: 2, false
work: true
array: 2, [0 => 'a', b => 2]
work: true
object: 2, a ArrayObject
work: true
closure: 2, 'called'
work: true
the very object: ['seen']
array: [0 => 'a', b => 2, 1 => 'more']
array: [0 => 'a', b => 2, 1 => 'more']
work: true, true
kept: true
let go: true
