--TEST--
A timeout ends the wait, not the job; the client goes on
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
$client = client();
foreach ([0, 20] as $ms) {
    $client->setTimeout($ms);
    tell("timeout $ms", $client, fn() => $client->doNormal($f, 'nobody there', 'the key'));
}
$client->setTimeout(-1);
tell('the job', null, fn() => $client->jobStatusByUniqueKey('the key'));
tell('background', $client, fn() => $client->doBackground($f, 'nobody there', 'the key') !== '');
serve([$f => fn($job) => strrev($job->workload())]);
$client->setTimeout(10000);
tell('worker there', $client, fn() => $client->doNormal($f, 'abc'));
--EXPECT--
timeout 0: "", warning of GearmanClient::doNormal(), TIMEOUT
timeout 20: "", warning of GearmanClient::doNormal(), TIMEOUT
the job: [true,false,0,0]
background: true, SUCCESS
worker there: "cba", SUCCESS
