--TEST--
Worker and a server that misbehaves: work(), grabJob(), ping() tell of it, and a good server on the same port is served
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';
require __DIR__ . '/../fake_server.inc';

const ASKS = [GEARMAN_COMMAND_GRAB_JOB, GEARMAN_COMMAND_GRAB_JOB_UNIQ, 39, GEARMAN_COMMAND_ECHO_REQ];
$servers = [
    'closes at once' => fn ($p) => $p->until(...ASKS),
    'closes in a header' => fn ($p) => [$p->until(...ASKS), $p->send("\0RES\0\0")],
    'closes in a packet' => fn ($p) => [$p->until(...ASKS), $p->send("\0RES" . pack('NN', 11, 100) . 'H:half')],
    'rubbish' => fn ($p) => [$p->until(...ASKS), $p->send("HTTP/1.1 400 Bad Request\r\n\r\n")],
    'REQ for RES' => fn ($p) => [$p->until(...ASKS), $p->send("\0REQ" . pack('NN', 10, 0))],
    '4 GB' => fn ($p) => [$p->until(...ASKS), $p->send("\0RES" . pack('NN', 11, 0xffffffff) . 'H:1'), $p->wait()],
    'unknown command' => fn ($p) => [$p->until(...ASKS), $p->res(999, 'what')],
    'JOB_CREATED' => fn ($p) => [$p->until(...ASKS), $p->res(GEARMAN_COMMAND_JOB_CREATED, 'H:1')],
    'too few arguments' => fn ($p) => [$p->until(...ASKS), $p->res(GEARMAN_COMMAND_JOB_ASSIGN, 'H:1')],
    'nothing' => fn ($p) => $p->wait(),
];
$calls = [
    'work' => fn ($w) => $w->work(),
    'grabJob' => fn ($w) => $w->grabJob(),
    'ping' => fn ($w) => $w->ping('x'),
];

$client = new GearmanClient();
$client->addServer(HOST, PORT);
foreach ($servers as $how => $serve) {
    echo "$how\n";
    foreach ($calls as $name => $call) {
        $server = fake_server($serve);
        $worker = new GearmanWorker();
        $worker->addServer(HOST, $server->port, false);
        $function = unique_function_name();
        $worker->addFunction($function, fn ($job) => strrev($job->workload()));
        $worker->setTimeout($how === 'nothing' ? 30 : 10000);
        [$result, $warnings] = heard(fn () => $call($worker));
        $text = str_replace(HOST . ":$server->port", 'HOST:PORT', implode(' | ', $warnings));
        printf("  %-8s %2d %s %s\n", $name, $worker->returnCode(), json_encode($result), $text);
        if (!$worker->error()) {
            echo "    error(): ", var_export($worker->error()), "\n";
        }
        // The same object and port, with a good server.
        $server->serve(good_server());
        $worker->setTimeout(10000);
        $handle = $client->doBackground($function, 'good');
        [$result] = heard(fn () => $worker->work());
        for ($try = 1; $try <= 3 && !$result && $worker->returnCode() !== GEARMAN_TIMEOUT; $try++) {
            [$result] = heard(fn () => $worker->work()); // the first may have found out
        }
        wait_until(fn () => !$client->jobStatus($handle)[0], 10, 'the job');
        if (!$result || $worker->returnCode() !== GEARMAN_SUCCESS) {
            echo '    afterwards: ', json_encode($result), ' ', $worker->returnCode(), ' ', $worker->error(), "\n";
        }
    }
}
?>
--EXPECTF--
closes at once
  work     14 false GearmanWorker::work(): lost connection to HOST:PORT: the server closed the connection
  grabJob  14 false GearmanWorker::grabJob(): lost connection to HOST:PORT: the server closed the connection
  ping     14 false GearmanWorker::ping(): lost connection to HOST:PORT: the server closed the connection
closes in a header
  work     14 false GearmanWorker::work(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
  grabJob  14 false GearmanWorker::grabJob(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
  ping     14 false GearmanWorker::ping(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 6 bytes
closes in a packet
  work     14 false GearmanWorker::work(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
  grabJob  14 false GearmanWorker::grabJob(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
  ping     14 false GearmanWorker::ping(): lost connection to HOST:PORT: the server closed the connection in the middle of a packet, after 18 bytes
rubbish
  work      8 false GearmanWorker::work(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
  grabJob   8 false GearmanWorker::grabJob(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
  ping      8 false GearmanWorker::ping(): protocol error: HOST:PORT: wrong magic "HTTP", expected \0REQ or \0RES
REQ for RES
  work      8 false GearmanWorker::work(): protocol error: HOST:PORT: NO_JOB with the magic of a request in answer
  grabJob   8 false GearmanWorker::grabJob(): protocol error: HOST:PORT: NO_JOB with the magic of a request in answer
  ping      8 false GearmanWorker::ping(): protocol error: HOST:PORT: NO_JOB with the magic of a request in answer
4 GB
  work     30 false GearmanWorker::work(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
  grabJob  30 false GearmanWorker::grabJob(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
  ping     30 false GearmanWorker::ping(): a packet of 4294967295 bytes from HOST:PORT exceeds the limit of 1073741824 bytes
unknown command
  work      9 false GearmanWorker::work(): protocol error: HOST:PORT: unknown command 999
  grabJob   9 false GearmanWorker::grabJob(): protocol error: HOST:PORT: unknown command 999
  ping      9 false GearmanWorker::ping(): protocol error: HOST:PORT: unknown command 999
JOB_CREATED
  work     11 false GearmanWorker::work(): protocol error: HOST:PORT: a worker got JOB_CREATED
  grabJob  11 false GearmanWorker::grabJob(): protocol error: HOST:PORT: a worker got JOB_CREATED
  ping     11 false GearmanWorker::ping(): protocol error: HOST:PORT: a worker got JOB_CREATED
too few arguments
  work     10 false GearmanWorker::work(): protocol error: HOST:PORT: JOB_ASSIGN with too few arguments
  grabJob  10 false GearmanWorker::grabJob(): protocol error: HOST:PORT: JOB_ASSIGN with too few arguments
  ping     10 false GearmanWorker::ping(): protocol error: HOST:PORT: JOB_ASSIGN with too few arguments
nothing
  work     47 false 
  grabJob  47 false GearmanWorker::grabJob(): timeout reached, nothing was heard from HOST:PORT for %d ms
  ping     47 false GearmanWorker::ping(): timeout reached, nothing was heard from HOST:PORT for %d ms
