--TEST--
do* in all priorities: result, data before it, failure and exception
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
serve([
    "$f.reverse" => fn($job) => strrev($job->workload()),
    "$f.data" => function ($job) {
        $job->sendStatus(1, 2);
        $job->sendData('one ');
        $job->sendWarning('not seen');
        $job->sendData('two ');
        return 'three';
    },
    "$f.fail" => fn($job) => $job->sendFail(),
    "$f.code" => fn($job) => $job->setReturn(GEARMAN_WORK_FAIL),
    "$f.exception" => fn($job) => $job->sendException('sent'),
    "$f.throw" => fn($job) => throw new DomainException('thrown'),
    "$f.nothing" => fn($job) => null,
]);
$client = client();
$never = fn() => print("a callback was called\n");
$client->setCompleteCallback($never);
$client->setDataCallback($never);
foreach (['do', 'doNormal', 'doHigh', 'doLow'] as $method) {
    foreach (['reverse', 'data', 'fail', 'code', 'exception', 'throw', 'nothing'] as $end) {
        tell("$method $end", $client, fn() => $client->$method("$f.$end", 'workload'));
    }
    // The client goes on as if nothing had been.
    tell("$method again", $client, fn() => $client->$method("$f.reverse", 'abc'));
}
--EXPECT--
do reverse: "daolkrow", SUCCESS
do data: "one two three", SUCCESS
do fail: "", WORK_FAIL
do code: "", WORK_FAIL
do exception: "", WORK_EXCEPTION
do throw: "", WORK_EXCEPTION
do nothing: "", SUCCESS
do again: "cba", SUCCESS
doNormal reverse: "daolkrow", SUCCESS
doNormal data: "one two three", SUCCESS
doNormal fail: "", WORK_FAIL
doNormal code: "", WORK_FAIL
doNormal exception: "", WORK_EXCEPTION
doNormal throw: "", WORK_EXCEPTION
doNormal nothing: "", SUCCESS
doNormal again: "cba", SUCCESS
doHigh reverse: "daolkrow", SUCCESS
doHigh data: "one two three", SUCCESS
doHigh fail: "", WORK_FAIL
doHigh code: "", WORK_FAIL
doHigh exception: "", WORK_EXCEPTION
doHigh throw: "", WORK_EXCEPTION
doHigh nothing: "", SUCCESS
doHigh again: "cba", SUCCESS
doLow reverse: "daolkrow", SUCCESS
doLow data: "one two three", SUCCESS
doLow fail: "", WORK_FAIL
doLow code: "", WORK_FAIL
doLow exception: "", WORK_EXCEPTION
doLow throw: "", WORK_EXCEPTION
doLow nothing: "", SUCCESS
doLow again: "cba", SUCCESS
