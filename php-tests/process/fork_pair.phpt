--TEST--
A worker in the child and a client in the parent, both having used one client before the fork: 50 of 50
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$descriptors = fn() => count(scandir('/proc/' . getmypid() . '/fd'));
$good = 0;
for ($i = 1; $i <= 50; $i++) {
    $function = unique_function_name();
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $client->ping('before the fork');
    $child = spawn(function () use ($client, $function) {
        $client->ping('in the child');
        $worker = new GearmanWorker();
        $worker->addServer(HOST, PORT);
        $worker->addFunction($function, fn($job) => strrev($job->workload()));
        $worker->work();
    }, clean: $i % 2 === 0); // half of them end without any destructor
    $good += $client->doNormal($function, "round $i") === strrev("round $i");
    $good += $client->ping('after it') ? 0 : -1;
    wait_child($child);
    unset($client);
    $before ??= $descriptors();
}
echo "$good of 50\n";
echo 'descriptors of the parent: ', $descriptors() - $before, " more\n";
--EXPECT--
50 of 50
descriptors of the parent: 0 more
