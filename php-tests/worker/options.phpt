--TEST--
Worker options: bits that can be changed, and what they do to the timeout
--FILE--
<?php
require __DIR__ . '/../api.inc';

$worker = new GearmanWorker();
$say = fn(string $what, bool $result) => show($what, $result, $worker->options(), $worker->timeout());
show('fresh', $worker->options(), $worker->timeout());
$say('add NON_BLOCKING', $worker->addOptions(GEARMAN_WORKER_NON_BLOCKING));
$say('add GRAB_UNIQ', $worker->addOptions(GEARMAN_WORKER_GRAB_UNIQ));
$say('remove both', $worker->removeOptions(GEARMAN_WORKER_NON_BLOCKING | GEARMAN_WORKER_GRAB_UNIQ));
$say('add TIMEOUT_RETURN', $worker->addOptions(GEARMAN_WORKER_TIMEOUT_RETURN));
$say('remove TIMEOUT_RETURN', $worker->removeOptions(GEARMAN_WORKER_TIMEOUT_RETURN));
$say('setTimeout', $worker->setTimeout(5));
$say('set NON_BLOCKING', $worker->setOptions(GEARMAN_WORKER_NON_BLOCKING));
$say('set 0', $worker->setOptions(0));
$say('add a function', $worker->addFunction('f', fn() => ''));
$say('add ALLOCATED', $worker->addOptions(GEARMAN_WORKER_ALLOCATED));
foreach ([1, 1000, 2147483647, 0, -1, -5] as $milliseconds) {
    show("setTimeout($milliseconds)", $worker->setTimeout($milliseconds), $worker->timeout());
}
show('returnCode', code($worker), $worker->error());

// Without GRAB_UNIQ jobs come without their key.
$client = client();
$function = unique_function_name();
foreach (['default' => 0, 'removed' => GEARMAN_WORKER_GRAB_UNIQ] as $what => $remove) {
    $worker = worker([$function => fn(GearmanJob $job) => show($what, $job->unique(), $job->workload())]);
    $worker->removeOptions($remove);
    $client->doBackground($function, 'work', "key, $what");
    $worker->work();
}
--EXPECT--
fresh: 644, -1
add NON_BLOCKING: true, 646, -1
add GRAB_UNIQ: true, 646, -1
remove both: true, 516, -1
add TIMEOUT_RETURN: true, 772, -1
remove TIMEOUT_RETURN: true, 516, 10000
setTimeout: true, 772, 5
set NON_BLOCKING: true, 6, 10000
set 0: true, 4, 10000
add a function: true, 68, 10000
add ALLOCATED: true, 68, 10000
setTimeout(1): true, 1
setTimeout(1000): true, 1000
setTimeout(2147483647): true, 2147483647
setTimeout(0): true, 0
setTimeout(-1): true, -1
setTimeout(-5): true, -5
returnCode: SUCCESS, false
default: 'key, default', 'work'
removed: '', 'work'
