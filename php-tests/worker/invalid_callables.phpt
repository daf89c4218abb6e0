--TEST--
What is not callable is refused with a warning; a name that is no string, too
--SKIPIF--
<?php
PHP_DEBUG and die('skip a debug PHP ends here: declared callable, and yet no TypeError, as in pecl');
--FILE--
<?php
require __DIR__ . '/../api.inc';

class Handlers
{
    private function hidden()
    {
    }
    protected function half_hidden()
    {
    }
    public function method()
    {
    }
}
abstract class Unfinished
{
    abstract public static function later();
}
$worker = worker();
foreach ([
    'no such function' => 'no_such_function', 'no such class' => ['Nope', 'x'], 'no such method' => ['Handlers', 'nope'], 'no such class, as text' => 'Nope::x',
    'private' => [new Handlers(), 'hidden'], 'protected' => [new Handlers(), 'half_hidden'], 'not static' => ['Handlers', 'method'], 'abstract' => 'Unfinished::later',
    'empty text' => '', 'int' => 5, 'null' => null, 'bool' => true, 'empty array' => [], 'three elements' => [new Handlers(), 'method', 'x'], 'object' => new stdClass(),
] as $what => $callable) {
    show($what, $worker->addFunction('f', $callable));
}
show('nothing was registered', $worker->work(), code($worker));
show('returnCode stays', code($worker), $worker->options());
foreach (['int' => 5, 'null' => null, 'array' => [], 'bool' => true, 'Stringable' => new Exception()] as $what => $name) {
    show("$what as name", $worker->addFunction($name, fn() => ''));
}
show('empty name', $worker->addFunction('', fn() => ''), code($worker), (string) $worker->error() !== '');
show('513 bytes', $worker->addFunction(str_repeat('n', 513), fn() => ''), code($worker));
show('register, empty name', $worker->register(''), code($worker));
show('register, 513 bytes', $worker->register(str_repeat('n', 513)), code($worker));
show('512 bytes', $worker->addFunction(str_repeat('n', 512), fn() => ''), code($worker));

// A refused callable leaves the one before it in place.
$worker = worker([$function = unique_function_name() => fn() => print("called\n")]);
show('refused', $worker->addFunction($function, 'no_such_function'));
client()->doBackground($function, 'x');
show('work', $worker->work());
--EXPECT--
  Warning: GearmanWorker::addFunction()
no such function: false
  Warning: GearmanWorker::addFunction()
no such class: false
  Warning: GearmanWorker::addFunction()
no such method: false
  Warning: GearmanWorker::addFunction()
no such class, as text: false
  Warning: GearmanWorker::addFunction()
private: false
  Warning: GearmanWorker::addFunction()
protected: false
  Warning: GearmanWorker::addFunction()
not static: false
  Warning: GearmanWorker::addFunction()
abstract: false
  Warning: GearmanWorker::addFunction()
empty text: false
  Warning: GearmanWorker::addFunction()
int: false
  Warning: GearmanWorker::addFunction()
null: false
  Warning: GearmanWorker::addFunction()
bool: false
  Warning: GearmanWorker::addFunction()
empty array: false
  Warning: GearmanWorker::addFunction()
three elements: false
  Warning: GearmanWorker::addFunction()
object: false
  Warning: GearmanWorker::work()
nothing was registered: false, NO_REGISTERED_FUNCTIONS
returnCode stays: NO_REGISTERED_FUNCTIONS, 644
  Warning: GearmanWorker::addFunction()
int as name: false
  Warning: GearmanWorker::addFunction()
null as name: false
  Warning: GearmanWorker::addFunction()
array as name: false
  Warning: GearmanWorker::addFunction()
bool as name: false
  Warning: GearmanWorker::addFunction()
Stringable as name: false
  Warning: GearmanWorker::addFunction()
empty name: false, INVALID_ARGUMENT, true
  Warning: GearmanWorker::addFunction()
513 bytes: false, INVALID_ARGUMENT
  Warning: GearmanWorker::register()
register, empty name: false, INVALID_ARGUMENT
  Warning: GearmanWorker::register()
register, 513 bytes: false, INVALID_ARGUMENT
512 bytes: true, SUCCESS
  Warning: GearmanWorker::addFunction()
refused: false
called
work: true
