--TEST--
__destruct() called by hand does no harm
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = client();
$client->addTaskBackground($function = unique_function_name(), 'x');
$client->__destruct();
show('client', @$client->ping('x') || true, $client->options(), is_bool(@$client->runTasks()));
$client->__destruct();
$worker = worker([$function => fn() => '']);
$worker->__destruct();
$worker->setTimeout(10);
show('worker', is_bool(@$worker->work()), $worker->addFunction('g', fn() => ''), is_bool(@$worker->work()), is_bool(@$worker->grabJob()));
$worker->__destruct();
$job = new GearmanJob();
$job->__destruct();
show('job', $job->workload(), @$job->sendComplete('x'));

$worker = worker([$function => function (GearmanJob $job) {
    $job->__destruct();
    show('in its function', $job->workload() === 'work' || $job->workload() === '');
    return 'x';
}]);
client()->doBackground($function, 'work');
show('work', is_bool(@$worker->work()));
--EXPECT--
client: true, 32, true
worker: true, true, true, true
job: '', false
in its function: true
work: true
