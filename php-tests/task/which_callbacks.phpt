--TEST--
A task has the callbacks that were set when it was added; replaced and cleared ones
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
serve_all([$f => fn($job) => 'result']);
$say = fn(string $text) => function () use ($text) { echo "$text\n"; };
$client = client();
echo "set later:\n";
$client->addTask($f, 'x');
$client->setCompleteCallback($say('old'));
$client->runTasks();
echo "replaced:\n";
$client->addTask($f, 'x');
$client->setCompleteCallback($say('new'));
$client->runTasks();
class Hidden
{
    private function method() {}
    public function open() { echo "method\n"; }
    public static function fixed() { echo "static\n"; }
    public function __invoke() { echo "invoked\n"; }
    public function inside(GearmanClient $client) { return $client->setCompleteCallback([$this, 'method']); }
}
echo "kinds:\n";
function named() { echo "function\n"; }
foreach (['named', 'Hidden::fixed', ['Hidden', 'fixed'], [new Hidden(), 'open'], new Hidden(), named(...), (new Hidden())->open(...)] as $good) {
    $client->setCompleteCallback($good);
    $client->addTask($f, 'x');
    $client->runTasks();
}
echo 'private from inside: ', json_encode((new Hidden())->inside($client)), "\n";
$client->setCompleteCallback($say('after'));
echo "cleared:\n";
$client->addTask($f, 'with');
tell('clear', null, fn() => $client->clearCallbacks());
tell('run', $client, fn() => $client->runTasks());
$client->addTask($f, 'without');
tell('run', $client, fn() => $client->runTasks());
echo "set and cleared inside a callback:\n";
$client->setCreatedCallback(function () use ($client, $say) {
    $client->clearCallbacks();
    $client->setCompleteCallback($say('set inside'));
});
$client->setCompleteCallback($say('set outside'));
$client->addTask($f, 'x');
tell('run', $client, fn() => $client->runTasks());
--EXPECT--
set later:
replaced:
new
kinds:
function
static
static
method
invoked
function
method
private from inside: true
cleared:
clear: true
run: true, SUCCESS
run: true, SUCCESS
set and cleared inside a callback:
set inside
run: true, SUCCESS
