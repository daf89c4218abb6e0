--TEST--
options, timeout and context of a client: kept, and the return code is left alone
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$client = new GearmanClient();
$show = fn(string $what) => print("$what: {$client->options()}\n");
$show('fresh');
foreach (['setOptions', 'addOptions', 'removeOptions'] as $method) {
    foreach (['ALLOCATED', 'NON_BLOCKING', 'TASK_IN_USE', 'UNBUFFERED_RESULT', 'NO_NEW', 'FREE_TASKS'] as $name) {
        $value = constant("GEARMAN_CLIENT_$name");
        $client->setOptions($method === 'removeOptions' ? 2 | 8 | 32 | 64 : 0);
        echo json_encode($client->$method($value)), ' ';
        $show("$method $name");
    }
}
$client->setOptions(GEARMAN_CLIENT_NON_BLOCKING | GEARMAN_CLIENT_UNBUFFERED_RESULT);
$client->addOptions(64 | 1 | 4 | 16);
$show('two and 64');
$client->setOptions(0);
$show('none');

echo $client->timeout(), ' ';
foreach ([0, 250, -1, 2147483647] as $timeout) {
    echo json_encode($client->setTimeout($timeout)), $client->timeout(), ' ';
}
echo "\n";

echo json_encode($client->context()), ' ';
foreach (['text', '', "\xff\xfe", str_repeat('x', 100000)] as $context) {
    echo json_encode($client->setContext($context)), json_encode($client->context() === $context), ' ';
}
echo "\n";
echo $client->returnCode(), ' ', json_encode($client->error()), ' ', $client->getErrno(), "\n";
--EXPECT--
fresh: 32
true setOptions ALLOCATED: 0
true setOptions NON_BLOCKING: 2
true setOptions TASK_IN_USE: 0
true setOptions UNBUFFERED_RESULT: 8
true setOptions NO_NEW: 0
true setOptions FREE_TASKS: 32
true addOptions ALLOCATED: 0
true addOptions NON_BLOCKING: 2
true addOptions TASK_IN_USE: 0
true addOptions UNBUFFERED_RESULT: 8
true addOptions NO_NEW: 0
true addOptions FREE_TASKS: 32
true removeOptions ALLOCATED: 106
true removeOptions NON_BLOCKING: 104
true removeOptions TASK_IN_USE: 106
true removeOptions UNBUFFERED_RESULT: 98
true removeOptions NO_NEW: 106
true removeOptions FREE_TASKS: 74
two and 64: 74
none: 0
-1 true0 true250 true-1 true2147483647 
"" truetrue truetrue truetrue truetrue 
0 false 0
