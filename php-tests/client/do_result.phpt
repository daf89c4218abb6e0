--TEST--
do(), doNormal(), doHigh() and doLow() return the job's data and result, byte for byte
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = serve(function (GearmanJob $job) {
    $job->sendStatus(1, 2);
    $job->sendData("data\0");
    $job->sendWarning('not seen');
    $job->sendData("\xff\n");
    return strrev($job->workload());
});
$client = client();
foreach (['do', 'doNormal', 'doHigh', 'doLow'] as $method) {
    show($method, $client->$method($function, "a\0\xfe z"), code($client), $client->getErrno());
}
show('a workload of one byte', $client->doNormal($function, '0'), code($client));
show('job status and handle are of no use meanwhile', $client->doStatus(), $client->doJobHandle());

// The callbacks of tasks are not called.
foreach (['Created', 'Data', 'Warning', 'Status', 'Complete', 'Fail', 'Exception'] as $event) {
    $client->{"set{$event}Callback"}(fn() => print("$event callback called\n"));
}
show('with callbacks', $client->doNormal($function, 'xyz'), code($client));
--EXPECT--
do: 'data\000\377\nz \376\000a', SUCCESS, 0
doNormal: 'data\000\377\nz \376\000a', SUCCESS, 0
doHigh: 'data\000\377\nz \376\000a', SUCCESS, 0
doLow: 'data\000\377\nz \376\000a', SUCCESS, 0
a workload of one byte: 'data\000\377\n0', SUCCESS
job status and handle are of no use meanwhile: [0, 0], ''
with callbacks: 'data\000\377\nzyx', SUCCESS
