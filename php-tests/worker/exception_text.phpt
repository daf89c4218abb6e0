--TEST--
What a client hears of an exception is "Class: message", whatever class it is and whatever the program made of the message
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* `throw new Exception('disk full')` reached the client as "Exception": what looks for a class among the parents of
   another begins at the first parent, so Exception itself counted as an Error, and its message was read in the wrong scope. */
require __DIR__ . '/../api.inc';

class Plain extends Exception {}
class Wrong extends Error {}
class Grandchild extends DomainException {}
class Opened extends Exception { public $message = 'declared anew as public'; }
class OpenedError extends TypeError { protected $message = 'declared anew as protected'; }
class OwnConstructor extends Exception { public function __construct() {} }
class Promoted extends RuntimeException
{
    public function __construct(public readonly string $detail)
    {
        $this->message = "about $detail";
    }
}
class Unset_ extends Exception { public function __construct(string $m) { parent::__construct($m); unset($this->message); } }
class Hidden extends Exception
{
    public function __construct(string $m) { unset($this->message); $this->hidden = $m; }
    private string $hidden;
    public function __isset($name) { return true; }
    public function __get($name) { return "from __get(): $this->hidden"; }
}
class Any extends Exception { public function __construct(mixed $m) { $this->message = $m; } }
class AnyError extends Error { public function __construct(mixed $m) { $this->message = $m; } }
class Text
{
    public function __construct(private Closure $make) {}
    public function __toString(): string { return ($this->make)(); }
}
class Noisy
{
    public function __toString(): string { throw new Plain('thrown by __toString()'); }
}
interface Marked extends Throwable {}
class MarkedError extends Error implements Marked {}

$throwables = [
    'Exception' => fn() => new Exception('disk full'),
    'Error' => fn() => new Error('disk full'),
    'child of Exception' => fn() => new Plain('disk full'),
    'child of Error' => fn() => new Wrong('disk full'),
    'grandchild' => fn() => new Grandchild('disk full'),
    'RuntimeException' => fn() => new RuntimeException('disk full'),
    'ErrorException' => fn() => new ErrorException('disk full', 1, E_WARNING, 'file', 2),
    'TypeError' => fn() => strlen(),
    'DivisionByZeroError' => fn() => intdiv(1, 0),
    'JsonException' => fn() => json_decode('{', flags: JSON_THROW_ON_ERROR),
    'through an interface' => fn() => new MarkedError('disk full'),
    'with a previous one' => fn() => new LogicException('outer', 1, new Exception('inner')),
    'anonymous' => fn() => new class('disk full') extends Exception {},
    'bytes' => fn() => new Exception("a\0b\xff"),
    'no message' => fn() => new Exception(),
    'declared anew as public' => fn() => new Opened(),
    'declared anew as protected' => fn() => new OpenedError(),
    'constructor not called' => fn() => new OwnConstructor(),
    'no constructor at all' => fn() => (new ReflectionClass('Promoted'))->newInstanceWithoutConstructor(),
    'readonly, promoted' => fn() => new Promoted('the disk'),
    'unset' => fn() => new Unset_('disk full'),
    'unset, and made by __get()' => fn() => new Hidden('disk full'),
    'int' => fn() => new Any(12),
    'float' => fn() => new AnyError(0.5),
    'bool' => fn() => new Any(true),
    'null' => fn() => new Any(null),
    'array' => fn() => new Any(['disk full']),
    'an object without text' => fn() => new Any(new stdClass()),
    'Stringable' => fn() => new Any(new Text(fn() => 'disk full')),
    'Stringable, in an Error' => fn() => new AnyError(new Text(fn() => 'disk full')),
    'reference' => function () { $text = 'disk full'; $e = new Opened(); $e->message = &$text; return $e; },
    '__toString() throws' => fn() => new Any(new Noisy()),
    '__toString() throws and catches' => fn() => new Any(new Text(function () {
        try { throw new Plain('inner'); } catch (Plain $e) { return 'caught ' . $e->getMessage(); }
    })),
    '__toString() loads a class' => fn() => new Any(new Text(fn() => class_exists('NoSuchClass') ? '' : 'no such class')),
];
spl_autoload_register(fn($class) => null);

$function = unique_function_name();
$client = client();
$client->setExceptionCallback(fn(GearmanTask $task) => show('  the client hears', $task->data()));
$worker = spawn(function () use ($function, $throwables) {
    $worker = worker([$function => function (GearmanJob $job) use ($throwables) {
        throw $GLOBALS['thrown'] = $throwables[$job->workload()]();
    }]);
    $worker->setTimeout(10000);
    foreach ($throwables as $what => $_) {
        try {
            $thrown = null;
            show('no exception', $worker->work());
        } catch (Throwable $e) {
            // The work of strlen(), intdiv() and json_decode() is not in $thrown.
            $thrown = $GLOBALS['thrown'];
            ($e === $thrown || $thrown === null) && $e->getPrevious()?->getMessage() !== 'thrown by __toString()' || print("$what: another exception came out of work(): $e\n");
            unset($e, $thrown, $GLOBALS['thrown']);
            $GLOBALS['thrown'] = null;
        }
    }
});
foreach ($throwables as $what => $_) {
    echo "$what\n";
    $client->addTask($function, $what);
    $client->runTasks();
}
show('the worker ended well', wait_child($worker));

// exit() is heard also there: the job goes to another worker.
$client = client();
$client->setExceptionCallback(fn(GearmanTask $task) => show('  the client hears', $task->data()));
$client->setCompleteCallback(fn(GearmanTask $task) => show('  the client gets', $task->data()));
$function = unique_function_name();
$exits = spawn(function () use ($function) {
    worker([$function => fn() => throw new Any(new Text(fn() => exit(7)))])->work();
});
$client->addTask($function, 'x');
$client->setTimeout(100);
@$client->runTasks(); // ends by its timeout; the job is with the server
echo "exit() in __toString()\n";
show('exit code', wait_child($exits));
serve_all([$function => fn() => 'done by another'], wait: false);
$client->setTimeout(10000);
$client->runTasks();
--EXPECT--
Exception
  the client hears: 'Exception: disk full'
Error
  the client hears: 'Error: disk full'
child of Exception
  the client hears: 'Plain: disk full'
child of Error
  the client hears: 'Wrong: disk full'
grandchild
  the client hears: 'Grandchild: disk full'
RuntimeException
  the client hears: 'RuntimeException: disk full'
ErrorException
  the client hears: 'ErrorException: disk full'
TypeError
  the client hears: 'ArgumentCountError: strlen() expects exactly 1 argument, 0 given'
DivisionByZeroError
  the client hears: 'DivisionByZeroError: Division by zero'
JsonException
  the client hears: 'JsonException: Syntax error'
through an interface
  the client hears: 'MarkedError: disk full'
with a previous one
  the client hears: 'LogicException: outer'
anonymous
  the client hears: 'Exception@anonymous: disk full'
bytes
  the client hears: 'Exception: a\000b\377'
no message
  the client hears: 'Exception: '
declared anew as public
  the client hears: 'Opened: declared anew as public'
declared anew as protected
  the client hears: 'OpenedError: declared anew as protected'
constructor not called
  the client hears: 'OwnConstructor: '
no constructor at all
  the client hears: 'Promoted: '
readonly, promoted
  the client hears: 'Promoted: about the disk'
unset
  the client hears: 'Unset_'
unset, and made by __get()
  the client hears: 'Hidden: from __get(): disk full'
int
  the client hears: 'Any: 12'
float
  the client hears: 'AnyError: 0.5'
bool
  the client hears: 'Any: 1'
null
  the client hears: 'Any'
array
  the client hears: 'Any'
an object without text
  the client hears: 'Any'
Stringable
  the client hears: 'Any: disk full'
Stringable, in an Error
  the client hears: 'AnyError: disk full'
reference
  the client hears: 'Opened: disk full'
__toString() throws
  the client hears: 'Any'
__toString() throws and catches
  the client hears: 'Any: caught inner'
__toString() loads a class
  the client hears: 'Any: no such class'
the worker ended well: 0
exit() in __toString()
exit code: 7
  the client gets: 'done by another'
