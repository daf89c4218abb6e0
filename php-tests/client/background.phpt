--TEST--
Background jobs: a handle at once, by method of each priority; doJobHandle() tells the last one
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = unique_function_name();
$client = client();
show('before', $client->doJobHandle());
$handles = [];
foreach (['doLowBackground', 'doBackground', 'doHighBackground'] as $method) {
    $handles[] = $handle = $client->$method($function, $method);
    show($method, $handle, code($client), $client->doJobHandle() === $handle, $client->doStatus());
}
show('different handles', count(array_unique($handles)));
show('a refused one', @$client->doBackground('', 'x'), code($client));
show('queued', function_status($function));
$worker = worker([$function => fn(GearmanJob $job) => show('job', $job->workload(), in_array($job->handle(), $handles, true))]);
$worker->work();
$worker->work();
$worker->work();
show('left', wait_until(fn() => ($status = function_status($function))[0] === 0 ? $status : null));
--EXPECT--
before: ''
doLowBackground: a handle, SUCCESS, true, [0, 0]
doBackground: a handle, SUCCESS, true, [0, 0]
doHighBackground: a handle, SUCCESS, true, [0, 0]
different handles: 3
a refused one: '', INVALID_ARGUMENT
queued: [3, 0, 0]
job: 'doHighBackground', true
job: 'doBackground', true
job: 'doLowBackground', true
left: [0, 0, 1]
