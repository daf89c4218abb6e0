--TEST--
High before normal before low, each in order of submission
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = unique_function_name();
$client = client();
foreach (['1', '2'] as $n) {
    $client->doLowBackground($function, "low $n");
    $client->doBackground($function, "normal $n");
    $client->doHighBackground($function, "high $n");
}
// The same by tasks.
foreach (['Low' => 'low', '' => 'normal', 'High' => 'high'] as $method => $name) {
    $client->{"addTask{$method}Background"}($function, "$name task");
}
show('runTasks', $client->runTasks());
$worker = worker([$function => function (GearmanJob $job) { echo $job->workload(), "\n"; }]);
for ($i = 0; $i < 9; $i++) {
    $worker->work();
}
--EXPECT--
runTasks: true
high 1
high 2
high task
normal 1
normal 2
normal task
low 1
low 2
low task
