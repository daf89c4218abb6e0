--TEST--
addFunction(), register(), unregister() and unregisterAll() as the server sees them
--FILE--
<?php
require __DIR__ . '/../api.inc';

[$a, $b, $c] = [unique_function_name('a'), unique_function_name('b'), unique_function_name('c')];
$worker = worker();
// The server hears of changes at the next work(), and the ping is answered after it has heard.
$workers = function (string $when) use ($worker, $a, $b, $c) {
    $worker->setTimeout(10);
    show("$when: work", $worker->work(), code($worker));
    $worker->setTimeout(10000);
    $worker->ping('x');
    show("$when: workers of a, b, c", array_map(fn($function) => function_status($function)[2], [$a, $b, $c]));
};
show('addFunction', $worker->addFunction($a, fn() => ''), code($worker), $worker->addFunction($b, fn() => ''), code($worker));
show('before work', array_map(fn($function) => function_status($function)[2], [$a, $b, $c]));
$workers('two added');
show('unregister', $worker->unregister($a), code($worker));
$workers('one removed');
show('unregister again', $worker->unregister($a), code($worker), (string) $worker->error() !== '');
show('never there', $worker->unregister('nope'), code($worker));
show('register', $worker->register($c), code($worker));
$workers('one registered');
show('unregisterAll', $worker->unregisterAll(), code($worker));
$workers('all removed');
show('unregisterAll again', $worker->unregisterAll(), code($worker), (string) $worker->error() !== '');
$worker->addFunction($a, fn() => '');
$workers('one added again');

// The same name again: the newest callable is called, and it is one worker still.
$client = client();
$worker->addFunction($a, fn() => print("second\n"));
$workers('added twice');
$client->doBackground($a, 'x');
$worker->work();
$worker->addFunction($a, fn() => print("third\n"));
$client->doBackground($a, 'x');
$worker->work();

// A registered function has no callable: work() says so, grabJob() takes its jobs.
$worker = worker();
$worker->register($d = unique_function_name('d'));
$client->doBackground($d, 'x', 'key');
show('work', $worker->work(), code($worker));
$worker = worker();
$worker->register($d);
$job = wait_until(fn() => @$worker->grabJob());
show('grabJob', $job->functionName() === $d, $job->unique(), $job->sendComplete(''));
--EXPECT--
addFunction: true, SUCCESS, true, SUCCESS
before work: [0, 0, 0]
two added: work: false, TIMEOUT
two added: workers of a, b, c: [1, 1, 0]
unregister: true, SUCCESS
one removed: work: false, TIMEOUT
one removed: workers of a, b, c: [0, 1, 0]
  Warning: GearmanWorker::unregister()
unregister again: false, NO_REGISTERED_FUNCTION, true
  Warning: GearmanWorker::unregister()
never there: false, NO_REGISTERED_FUNCTION
register: true, SUCCESS
one registered: work: false, TIMEOUT
one registered: workers of a, b, c: [0, 1, 1]
unregisterAll: true, SUCCESS
  Warning: GearmanWorker::work()
all removed: work: false, NO_REGISTERED_FUNCTIONS
all removed: workers of a, b, c: [0, 0, 0]
  Warning: GearmanWorker::unregisterAll()
unregisterAll again: false, NO_REGISTERED_FUNCTIONS, true
one added again: work: false, TIMEOUT
one added again: workers of a, b, c: [1, 0, 0]
added twice: work: false, TIMEOUT
added twice: workers of a, b, c: [1, 0, 0]
second
third
  Warning: GearmanWorker::work()
work: false, INVALID_FUNCTION_NAME
grabJob: true, 'key', true
