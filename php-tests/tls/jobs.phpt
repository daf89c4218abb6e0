--TEST--
TLS: jobs in the foreground, in the background and as tasks, data, status, warnings, failures, exceptions and large ones, by both classes
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$server = tls_server($ca->issue());
$function = unique_function_name();
spawn(function () use ($server, $ca, $function) {
    $worker = tls_worker($server, $ca->file, [$function => function (GearmanJob $job) {
        $job->sendStatus(1, 2);
        $job->sendData('data ');
        $job->sendWarning('careful');
        return match ($job->workload()) {
            'fail' => $job->sendFail(),
            'throw' => throw new DomainException('thrown'),
            default => strrev($job->workload()),
        };
    }]);
    while (true) {
        try {
            @$worker->work();
        } catch (DomainException) {
        }
    }
}, clean: false);

$client = tls_client($server, $ca->file);
show('doNormal', $client->doNormal($function, 'abc'), code($client));
show('doHigh, doLow', $client->doHigh($function, 'high'), $client->doLow($function, 'low'));
show('fail', $client->doNormal($function, 'fail'), code($client));
show('throw', $client->doNormal($function, 'throw'), code($client));
show('ping', $client->ping("a\0b"));
$large = random_bytes(8 << 20);
show('8 MB each way', $client->doNormal($function, $large) === 'data ' . strrev($large), code($client));
$handle = $client->doBackground($function, 'background');
wait_until(fn () => !$client->jobStatus($handle)[0]);
show('background', code($client));

foreach (['Created', 'Data', 'Warning', 'Status', 'Complete', 'Exception', 'Fail'] as $kind) {
    $client->{"set{$kind}Callback"}(function (GearmanTask $task, array $seen) use ($kind) {
        $seen[0][] = $kind . (in_array($kind, ['Data', 'Warning', 'Exception']) ? ' ' . $task->data() : '')
            . ($kind === 'Complete' ? ' ' . strlen($task->data()) : '');
    });
}
foreach (['one', 'fail', 'throw', str_repeat('large', 200_000)] as $n => $workload) {
    $seen[$n] = new ArrayObject();
    $client->addTask($function, $workload, [$seen[$n]]);
}
show('runTasks', $client->runTasks(), code($client));
foreach ($seen as $events) {
    show('  ', implode(', ', $events->getArrayCopy()));
}
show('the server\'s plain port', (new GearmanClient())->addServer(HOST, $server->port));

// One packet a record, and many in one.
for ($i = 0; $i < 300; $i++) {
    $client->addTaskBackground($function, (string) $i);
}
$client->clearCallbacks();
show('300 in the background', $client->runTasks(), code($client));
wait_until(fn () => function_status($function, $server->port)[0] === 0);
for ($i = 0; $i < 100; $i++) {
    $client->doNormal($function, "job $i") === 'data ' . strrev("job $i") || print("job $i is wrong\n");
}
--EXPECT--
doNormal: 'data cba', SUCCESS
doHigh, doLow: 'data hgih', 'data wol'
fail: '', WORK_FAIL
throw: '', WORK_EXCEPTION
ping: true
8 MB each way: true, SUCCESS
background: SUCCESS
runTasks: true, SUCCESS
  : 'Created, Status, Data data , Warning careful, Complete 3'
  : 'Created, Status, Data data , Warning careful, Fail'
  : 'Created, Status, Data data , Warning careful, Exception DomainException: thrown'
  : 'Created, Status, Data data , Warning careful, Complete 1000000'
the server's plain port: true
300 in the background: true, SUCCESS
