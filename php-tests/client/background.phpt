--TEST--
do*Background: handles, status from queued to gone, and no server
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../serve.inc';

$f = unique_function_name();
$client = client();
echo json_encode($client->doJobHandle()), ' ', json_encode($client->doStatus()), "\n";
$handles = [];
foreach (['doBackground', 'doHighBackground', 'doLowBackground'] as $method) {
    $handle = $client->$method($f, 'workload');
    $handles[] = $handle;
    echo "$method: ", preg_match('/^H:[^:]+:\d+$/', $handle), ' ', var_export($client->doJobHandle() === $handle, true), ' ';
    echo code($client->returnCode()), ' ', json_encode($client->jobStatus($handle)), "\n";
}
echo count(array_unique($handles)), " handles\n";

// One worker here: inside a job its client asks for the status.
$order = [];
$worker = worker([$f => function ($job) use ($client, &$order, $handles) {
    $order[] = array_search($job->handle(), $handles, true);
    $job->sendStatus(3, 4294967295);
    $status = wait_until(fn() => ($s = $client->jobStatus($job->handle()))[2] ? $s : null);
    echo 'running: ', json_encode($status), "\n";
}]);
for ($i = 0; $i < 3; $i++) {
    $worker->work();
}
echo 'high, normal, low: ', implode(' ', $order), "\n";
foreach ([...$handles, 'H:nowhere:1', 'garbage'] as $handle) {
    wait_until(fn() => !$client->jobStatus($handle)[0]);
    tell('gone or unknown', $client, fn() => $client->jobStatus($handle));
}

$alone = new GearmanClient();
foreach (['doBackground', 'doHighBackground', 'doLowBackground', 'doNormal'] as $method) {
    tell("$method without a server", $alone, fn() => $alone->$method($f, 'x'));
}
tell('jobStatus without a server', $alone, fn() => $alone->jobStatus($handles[0]));
tell('and by key', $alone, fn() => $alone->jobStatusByUniqueKey('key'));
echo json_encode(is_string($alone->error()) && $alone->error() !== ''), ' ', $alone->getErrno(), "\n";
--EXPECT--
"" [0,0]
doBackground: 1 true SUCCESS [true,false,0,0]
doHighBackground: 1 true SUCCESS [true,false,0,0]
doLowBackground: 1 true SUCCESS [true,false,0,0]
3 handles
running: [true,true,3,4294967295]
running: [true,true,3,4294967295]
running: [true,true,3,4294967295]
high, normal, low: 1 0 2
gone or unknown: [false,false,0,0], SUCCESS
gone or unknown: [false,false,0,0], SUCCESS
gone or unknown: [false,false,0,0], SUCCESS
gone or unknown: [false,false,0,0], SUCCESS
gone or unknown: [false,false,0,0], SUCCESS
doBackground without a server: "", warning of GearmanClient::doBackground(), NO_SERVERS
doHighBackground without a server: "", warning of GearmanClient::doHighBackground(), NO_SERVERS
doLowBackground without a server: "", warning of GearmanClient::doLowBackground(), NO_SERVERS
doNormal without a server: "", warning of GearmanClient::doNormal(), NO_SERVERS
jobStatus without a server: [false,false,0,0], warning of GearmanClient::jobStatus(), NO_SERVERS
and by key: [false,false,0,0], warning of GearmanClient::jobStatusByUniqueKey(), NO_SERVERS
true 0
