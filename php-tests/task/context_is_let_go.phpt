--TEST--
Contexts are kept by value until the run is over, then let go; tasks, too
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([$f => fn($job) => 'r']);
$client = client();
$client->setCompleteCallback(function ($task, $context) { echo is_object($context) ? "object $context->n" : json_encode($context), "\n"; });
$array = [1];
$object = new stdClass();
$object->n = 1;
$weak = WeakReference::create($object);
$client->addTask($f, 'x', $array);
$client->addTask($f, 'x', $object);
$client->addTask($f, 'x', null);
$array[] = 2;
$object->n = 2;
unset($object);
echo json_encode($weak->get() !== null), "\n";
$client->runTasks();
echo 'let go: ', json_encode($weak->get() === null), "\n";

// Never run: let go with the client.
$object = new stdClass();
$weak = WeakReference::create($object);
$weak_client = WeakReference::create($client);
$task = WeakReference::create($client->addTask($f, 'x', $object));
unset($object);
echo json_encode([$weak->get() !== null, $task->get() !== null]), "\n";
unset($client);
echo json_encode([$weak->get() === null, $task->get() === null, $weak_client->get() === null]), "\n";
--EXPECT--
true
[1]
object 2
null
let go: true
[true,true]
[true,true,true]
