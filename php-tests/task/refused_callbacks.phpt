--TEST--
What is not callable is refused with a warning, and the callback before it stays
--SKIPIF--
<?php
extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
PHP_DEBUG and die('skip a debug PHP ends here: declared callable, and yet no TypeError, as in pecl');
--FILE--
<?php
require __DIR__ . '/../api.inc';

class Hidden
{
    private function method() {}
    public function open() {}
}
$f = unique_function_name();
serve_all([$f => fn($job) => 'result']);
$client = client();
$client->setCompleteCallback(function () { echo "the one before\n"; });
foreach (['no_such_function', 'Hidden::open', ['Hidden', 'open'], [new Hidden(), 'method'], 5, null, [], new stdClass()] as $bad) {
    tell('  set', null, fn() => $client->setCompleteCallback($bad));
}
$client->addTask($f, 'x');
$client->runTasks();
--EXPECT--
  set: false, warning of GearmanClient::setCompleteCallback()
  set: false, warning of GearmanClient::setCompleteCallback()
  set: false, warning of GearmanClient::setCompleteCallback()
  set: false, warning of GearmanClient::setCompleteCallback()
  set: false, warning of GearmanClient::setCompleteCallback()
  set: false, warning of GearmanClient::setCompleteCallback()
  set: false, warning of GearmanClient::setCompleteCallback()
  set: false, warning of GearmanClient::setCompleteCallback()
the one before
