--TEST--
Client and a server that misbehaves: code, warning with host and port and reason, and a good server afterwards
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';
require __DIR__ . '/../fake_server.inc';

$servers = [
    'closes at once' => fn ($p) => $p->read(),
    'closes in a header' => fn ($p) => [$p->read(), $p->send("\0RES\0\0")],
    'closes in a packet' => fn ($p) => [$p->read(), $p->send("\0RES" . pack('NN', 8, 100) . 'H:half')],
    'rubbish' => fn ($p) => [$p->read(), $p->send("HTTP/1.1 400 Bad Request\r\n\r\n")],
    'REQ for RES' => fn ($p) => [$p->read(), $p->send("\0REQ" . pack('NN', 8, 3) . 'H:1')],
    '4 GB' => fn ($p) => [$p->read(), $p->send("\0RES" . pack('NN', 8, 0xffffffff) . 'H:1'), $p->wait()],
    'unknown command' => fn ($p) => [$p->read(), $p->res(999, 'what')],
    'NO_JOB' => fn ($p) => [$p->read(), $p->res(GEARMAN_COMMAND_NO_JOB)],
    'OPTION_RES' => fn ($p) => [$p->read(), $p->res(GEARMAN_COMMAND_OPTION_RES, 'x')],
    'too few arguments' => fn ($p) => [$p->read(), $p->res(GEARMAN_COMMAND_STATUS_RES, 'H:1', '1')],
    'ERROR' => fn ($p) => [$p->read(), $p->res(GEARMAN_COMMAND_ERROR, 'BROKEN', 'no can do'), $p->wait()],
    'ERROR QUEUE_ERROR' => fn ($p) => [$p->read(), $p->res(GEARMAN_COMMAND_ERROR, 'QUEUE_ERROR', 'full'), $p->wait()],
    'nothing' => fn ($p) => $p->wait(),
];
$calls = [
    'doNormal' => fn ($c) => $c->doNormal('f', 'x'),
    'doBackground' => fn ($c) => $c->doBackground('f', 'x'),
    'jobStatus' => fn ($c) => json_encode($c->jobStatus('H:x:1')),
    'ping' => fn ($c) => $c->ping('x'),
    'runTasks' => fn ($c) => [$c->addTask('f', 'x'), $c->runTasks()][1],
];

$function = unique_function_name();
$worker = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn ($job) => strrev($job->workload()));
    while ($worker->work());
});

foreach ($servers as $how => $serve) {
    echo "$how\n";
    foreach ($calls as $name => $call) {
        $server = fake_server($serve);
        $client = new GearmanClient();
        $client->addServer(HOST, $server->port, false);
        $client->setTimeout($how === 'nothing' ? 30 : 10000);
        [$result, $warnings] = heard(fn () => $call($client));
        $text = str_replace(HOST . ":$server->port", 'HOST:PORT', implode(' | ', $warnings));
        printf("  %-12s %2d %s %s\n", $name, $client->returnCode(), json_encode($result), $text);
        if (count($warnings) !== 1 || !$client->error() || !str_contains($text, 'HOST:PORT')) {
            echo "    error(): ", $client->error(), "\n";
        }
        // The same object and port, with a good server.
        $server->serve(good_server());
        $client->setTimeout(10000);
        [$result] = heard(fn () => $client->doNormal($function, 'good'));
        if ($result === '' && in_array($client->returnCode(), [GEARMAN_LOST_CONNECTION, GEARMAN_COULD_NOT_CONNECT])) {
            $result = $client->doNormal($function, 'good'); // the first may have found out
        }
        if ($result !== 'doog' || $client->returnCode() !== GEARMAN_SUCCESS) {
            echo '    afterwards: ', json_encode($result), ' ', $client->returnCode(), ' ', $client->error(), "\n";
        }
    }
}
stop_child($worker, SIGKILL);
?>
--EXPECTF--
closes at once
  doNormal     14 "" GearmanClient::doNormal(): lost connection to HOST:PORT: the server closed the connection
  doBackground 14 "" GearmanClient::doBackground(): lost connection to HOST:PORT: the server closed the connection
  jobStatus    14 "[false,false,0,0]" GearmanClient::jobStatus(): lost connection to HOST:PORT: the server closed the connection
  ping         14 false GearmanClient::ping(): lost connection to HOST:PORT: the server closed the connection
  runTasks     14 false GearmanClient::runTasks(): lost connection to HOST:PORT: the server closed the connection
closes in a header
  doNormal     14 "" GearmanClient::doNormal(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
  doBackground 14 "" GearmanClient::doBackground(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
  jobStatus    14 "[false,false,0,0]" GearmanClient::jobStatus(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
  ping         14 false GearmanClient::ping(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
  runTasks     14 false GearmanClient::runTasks(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
closes in a packet
  doNormal     14 "" GearmanClient::doNormal(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
  doBackground 14 "" GearmanClient::doBackground(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
  jobStatus    14 "[false,false,0,0]" GearmanClient::jobStatus(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
  ping         14 false GearmanClient::ping(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
  runTasks     14 false GearmanClient::runTasks(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
rubbish
  doNormal      8 "" GearmanClient::doNormal(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
  doBackground  8 "" GearmanClient::doBackground(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
  jobStatus     8 "[false,false,0,0]" GearmanClient::jobStatus(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
  ping          8 false GearmanClient::ping(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
  runTasks      8 false GearmanClient::runTasks(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
REQ for RES
  doNormal      8 "" GearmanClient::doNormal(): protocol error: HOST:PORT: JOB_CREATED with the magic of a request in answer
  doBackground  8 "" GearmanClient::doBackground(): protocol error: HOST:PORT: JOB_CREATED with the magic of a request in answer
  jobStatus     8 "[false,false,0,0]" GearmanClient::jobStatus(): protocol error: HOST:PORT: JOB_CREATED with the magic of a request in answer
  ping          8 false GearmanClient::ping(): protocol error: HOST:PORT: JOB_CREATED with the magic of a request in answer
  runTasks      8 false GearmanClient::runTasks(): protocol error: HOST:PORT: JOB_CREATED with the magic of a request in answer
4 GB
  doNormal     30 "" GearmanClient::doNormal(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
  doBackground 30 "" GearmanClient::doBackground(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
  jobStatus    30 "[false,false,0,0]" GearmanClient::jobStatus(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
  ping         30 false GearmanClient::ping(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
  runTasks     30 false GearmanClient::runTasks(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
unknown command
  doNormal      9 "" GearmanClient::doNormal(): protocol error: HOST:PORT: unknown command 999
  doBackground  9 "" GearmanClient::doBackground(): protocol error: HOST:PORT: unknown command 999
  jobStatus     9 "[false,false,0,0]" GearmanClient::jobStatus(): protocol error: HOST:PORT: unknown command 999
  ping          9 false GearmanClient::ping(): protocol error: HOST:PORT: unknown command 999
  runTasks      9 false GearmanClient::runTasks(): protocol error: HOST:PORT: unknown command 999
NO_JOB
  doNormal     11 "" GearmanClient::doNormal(): protocol error: HOST:PORT: the server sent a client what only workers get
  doBackground 11 "" GearmanClient::doBackground(): protocol error: HOST:PORT: the server sent a client what only workers get
  jobStatus    11 "[false,false,0,0]" GearmanClient::jobStatus(): protocol error: HOST:PORT: the server sent a client what only workers get
  ping         11 false GearmanClient::ping(): protocol error: HOST:PORT: the server sent a client what only workers get
  runTasks     11 false GearmanClient::runTasks(): protocol error: HOST:PORT: the server sent a client what only workers get
OPTION_RES
  doNormal     11 "" GearmanClient::doNormal(): protocol error: HOST:PORT: OPTION_RES where another answer was due
  doBackground 11 "" GearmanClient::doBackground(): protocol error: HOST:PORT: OPTION_RES where another answer was due
  jobStatus    11 "[false,false,0,0]" GearmanClient::jobStatus(): protocol error: HOST:PORT: OPTION_RES where another answer was due
  ping         11 false GearmanClient::ping(): protocol error: HOST:PORT: OPTION_RES where another answer was due
  runTasks     11 false GearmanClient::runTasks(): protocol error: HOST:PORT: OPTION_RES where another answer was due
too few arguments
  doNormal     10 "" GearmanClient::doNormal(): protocol error: HOST:PORT: STATUS_RES with too few arguments
  doBackground 10 "" GearmanClient::doBackground(): protocol error: HOST:PORT: STATUS_RES with too few arguments
  jobStatus    10 "[false,false,0,0]" GearmanClient::jobStatus(): protocol error: HOST:PORT: STATUS_RES with too few arguments
  ping         10 false GearmanClient::ping(): protocol error: HOST:PORT: STATUS_RES with too few arguments
  runTasks     10 false GearmanClient::runTasks(): protocol error: HOST:PORT: STATUS_RES with too few arguments
ERROR
  doNormal     18 "" GearmanClient::doNormal(): server HOST:PORT refused: no can do (BROKEN)
  doBackground 18 "" GearmanClient::doBackground(): server HOST:PORT refused: no can do (BROKEN)
  jobStatus    18 "[false,false,0,0]" GearmanClient::jobStatus(): server HOST:PORT refused: no can do (BROKEN)
  ping         18 false GearmanClient::ping(): server HOST:PORT refused: no can do (BROKEN)
  runTasks     18 false GearmanClient::runTasks(): server HOST:PORT refused: no can do (BROKEN)
ERROR QUEUE_ERROR
  doNormal     42 "" GearmanClient::doNormal(): server HOST:PORT refused: full (QUEUE_ERROR)
  doBackground 42 "" GearmanClient::doBackground(): server HOST:PORT refused: full (QUEUE_ERROR)
  jobStatus    42 "[false,false,0,0]" GearmanClient::jobStatus(): server HOST:PORT refused: full (QUEUE_ERROR)
  ping         42 false GearmanClient::ping(): server HOST:PORT refused: full (QUEUE_ERROR)
  runTasks     42 false GearmanClient::runTasks(): server HOST:PORT refused: full (QUEUE_ERROR)
nothing
  doNormal     47 "" GearmanClient::doNormal(): timeout reached, nothing was heard from HOST:PORT for %d ms
  doBackground 47 "" GearmanClient::doBackground(): timeout reached, nothing was heard from HOST:PORT for %d ms
  jobStatus    47 "[false,false,0,0]" GearmanClient::jobStatus(): timeout reached, nothing was heard from HOST:PORT for %d ms
  ping         47 false GearmanClient::ping(): timeout reached, nothing was heard from HOST:PORT for %d ms
  runTasks     47 false GearmanClient::runTasks(): timeout reached, nothing was heard from HOST:PORT for %d ms
