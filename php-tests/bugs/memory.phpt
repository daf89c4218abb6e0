--TEST--
What pecl gearman never let go
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/bugs.inc';

entry(37, 'a client with tasks that were never run', function ($name) {
    $client = client();
    $client->addTask($name, 'x', new stdClass());
    $reference = WeakReference::create($client);
    unset($client);
    return $reference->get() === null;
});
entry(38, 'cycles through callbacks, functions and contexts', function ($name) {
    $client = client();
    $client->setCompleteCallback(fn() => $client);
    $worker = worker($name, fn() => 'x');
    $worker->addFunction("$name 2", fn() => $worker, $worker);
    $references = [WeakReference::create($client), WeakReference::create($worker)];
    unset($client, $worker);
    gc_collect_cycles();
    return array_map(fn($reference) => $reference->get() === null, $references);
});
entry(39, 'tasks that were refused', function () {
    $client = client();
    @$client->addTask('', 'x');
    $before = memory_get_usage();
    for ($i = 0; $i < 1000; $i++) {
        @$client->addTask('', 'x');
    }
    return memory_get_usage() - $before < 1024;
});
entry(40, 'closures of functions that were unregistered or replaced', function ($name) {
    $objects = [new stdClass(), new stdClass()];
    $references = array_map(WeakReference::create(...), $objects);
    $worker = worker($name, (function () {})->bindTo($objects[0]));
    $worker->addFunction($name, (function () {})->bindTo($objects[1]));
    unset($objects);
    $held = array_map(fn($reference) => $reference->get() !== null, $references);
    $worker->unregister($name);
    return [$held, array_map(fn($reference) => $reference->get() !== null, $references)];
});
--EXPECT--
37 a client with tasks that were never run: true
38 cycles through callbacks, functions and contexts: [true,true]
39 tasks that were refused: true
40 closures of functions that were unregistered or replaced: [[false,true],[false,false]]
