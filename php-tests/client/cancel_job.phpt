--TEST--
cancelJob(), cancelJobByUniqueKey(): queued, delayed and running jobs; unknown ones; several servers; what a server refuses
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

$client = client();
$function = unique_function_name();
$handle = $client->doBackground($function, 'x');
tell('queued', $client, fn() => $client->cancelJob($handle));
show('known', $client->jobStatus($handle)[0], function_status($function)[0]);
tell('once more', $client, fn() => $client->cancelJob($handle));
show('error', $client->error());
tell('as a function', $client, fn() => gearman_client_cancel_job($client, $handle));
$handle = $client->doBackgroundAt($function, 'x', new DateInterval('P1D'));
tell('delayed', $client, fn() => $client->cancelJob($handle));
tell('never there', $client, fn() => $client->cancelJob('no handle of any server'));
tell('nor this', $client, fn() => $client->cancelJob('H:nobody:1'));
tell('empty', $client, fn() => $client->cancelJob(''));
tell('two lines', $client, fn() => $client->cancelJob("H:x:1\r\ndrop function $function"));
tell('the client is of use', $client, fn() => $client->ping('x'));

echo "-- running, and somebody waits\n";
$file = tempnam(sys_get_temp_dir(), 'cancel');
$running = serve(function (GearmanJob $job) use ($file) {
    file_put_contents($file, $job->handle());
    wait_until(fn() => file_get_contents($file) === 'go');
    return 'too late';
});
$waiting = spawn(function () use ($running) {
    $client = client();
    return $client->doNormal($running, 'x') === '' && $client->returnCode() === GEARMAN_WORK_FAIL ? 7 : 1;
});
$handle = wait_until(fn() => file_get_contents($file));
show('cancelled', $client->cancelJob($handle), code($client));
show('told at once', wait_child($waiting));
file_put_contents($file, 'go');
show('the worker is there again', wait_until(fn() => function_status($running) === [0, 0, 1]));
unlink($file);

echo "-- two servers, both with a job of this handle\n";
$servers = [start_gearmand(), start_gearmand()];
$clients = array_map(fn($server) => client($server->port), $servers);
$handles = array_map(fn($client) => $client->doBackground('f', 'x', 'key'), $clients);
show('the same', $handles[0] === $handles[1]);
$both = new GearmanClient();
$both->addServer(HOST, $servers[1]->port);
$both->addServer(HOST, $servers[0]->port);
show('another job of the last', $both->doBackground('f', 'x', 'key') === $handles[1]);
show('cancelled', $both->cancelJob($handles[1]), $both->cancelJob($handles[1]), code($both));
show('that one alone', array_map(fn($client) => $client->jobStatus($handles[0])[0], $clients));
$servers[1]->stop();
$other = new GearmanClient();
$other->addServers(HOST . ":{$servers[0]->port}," . HOST . ":{$servers[0]->port}");
show('asked in order', $other->cancelJob($handles[0]));
$other = new GearmanClient();
$other->addServers(HOST . ":{$servers[0]->port}");
@$other->addServer(HOST, $servers[1]->port, false);
tell('one is down', $other, fn() => $other->cancelJob($handles[0]));

echo "-- by key, and servers that refuse\n";
$answers = ["OK\r\n", "ERR UNKNOWN_JOB\r\n", "ERR UNKNOWN_ERROR\r\n", "ERR PERMISSION_DENIED no+right+to+admin\r\n"];
$asked = tempnam(sys_get_temp_dir(), 'asked');
$server = fake_server(function (FakePeer $peer, int $n) use ($answers, $asked) {
    wait_readable($peer->stream());
    file_put_contents($asked, fgets($peer->stream()));
    $peer->send($answers[$n - 1]);
});
$client = new GearmanClient();
$client->addServer(HOST, $server->port, false);
foreach ($answers as $n => $answer) {
    [$cancelled, $warnings] = heard(fn() => $n === 1
        ? gearman_client_cancel_job_by_unique_key($client, 'f', 'key') : $client->cancelJobByUniqueKey('f', 'key'));
    show(trim($answer), $cancelled, code($client));
    echo $warnings ? '    ' . str_replace($server->port, 'PORT', implode($warnings)) . "\n" : '';
}
show('asked', file_get_contents($asked));
tell('a blank', $client, fn() => $client->cancelJobByUniqueKey('f', 'my key'));
tell('no key', $client, fn() => $client->cancelJobByUniqueKey('f', ''));
tell('no function', $client, fn() => $client->cancelJobByUniqueKey('', 'k'));
unlink($asked);
tell('no servers', $alone = new GearmanClient(), fn() => $alone->cancelJob('H:x:1'));
--EXPECT--
queued: true, SUCCESS
known: false, 0
once more: false, JOB_NOT_FOUND
error: 'JOB_NOT_FOUND: no server knows the job'
as a function: false, JOB_NOT_FOUND
delayed: true, SUCCESS
never there: false, warning of GearmanClient::cancelJob(), INVALID_ARGUMENT
nor this: false, JOB_NOT_FOUND
empty: false, warning of GearmanClient::cancelJob(), INVALID_ARGUMENT
two lines: false, warning of GearmanClient::cancelJob(), INVALID_ARGUMENT
the client is of use: true, SUCCESS
-- running, and somebody waits
cancelled: true, SUCCESS
told at once: 7
the worker is there again: true
-- two servers, both with a job of this handle
the same: true
another job of the last: true
cancelled: true, false, JOB_NOT_FOUND
that one alone: [true, false]
asked in order: true
one is down: false, warning of GearmanClient::cancelJob(), COULD_NOT_CONNECT
-- by key, and servers that refuse
OK: true, SUCCESS
ERR UNKNOWN_JOB: false, JOB_NOT_FOUND
ERR UNKNOWN_ERROR: false, SERVER_ERROR
    GearmanClient::cancelJobByUniqueKey(): server 127.0.0.1:PORT refused: it does not know the text command "cancel unique" (UNKNOWN_ERROR)
ERR PERMISSION_DENIED no+right+to+admin: false, SERVER_ERROR
    GearmanClient::cancelJobByUniqueKey(): server 127.0.0.1:PORT refused: no right to admin (PERMISSION_DENIED)
asked: 'cancel unique f key\r\n'
a blank: false, warning of GearmanClient::cancelJobByUniqueKey(), INVALID_ARGUMENT
no key: false, warning of GearmanClient::cancelJobByUniqueKey(), INVALID_ARGUMENT
no function: false, warning of GearmanClient::cancelJobByUniqueKey(), INVALID_ARGUMENT
no servers: false, warning of GearmanClient::cancelJob(), NO_SERVERS
