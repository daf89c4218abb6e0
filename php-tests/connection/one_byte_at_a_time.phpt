--TEST--
A server whose answers come a byte at a time
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';
require __DIR__ . '/../fake_server.inc';

// As a client sees it.
$server = fake_server(function (FakePeer $peer) {
    while ([$command, $body] = $peer->read()) {
        switch ($command) {
            case GEARMAN_COMMAND_OPTION_REQ:
                $peer->drip(GEARMAN_COMMAND_OPTION_RES, $body);
                break;
            case GEARMAN_COMMAND_ECHO_REQ:
                $peer->drip(GEARMAN_COMMAND_ECHO_RES, $body);
                break;
            case GEARMAN_COMMAND_GET_STATUS:
                $peer->drip(GEARMAN_COMMAND_STATUS_RES, $body, '1', '1', '3', '4');
                break;
            case GEARMAN_COMMAND_SUBMIT_JOB_BG:
                $peer->drip(GEARMAN_COMMAND_JOB_CREATED, 'H:drip:2');
                break;
            case GEARMAN_COMMAND_SUBMIT_JOB:
                $peer->drip(GEARMAN_COMMAND_JOB_CREATED, 'H:drip:1');
                $peer->drip(GEARMAN_COMMAND_WORK_STATUS, 'H:drip:1', '1', '2');
                $peer->drip(GEARMAN_COMMAND_WORK_DATA, 'H:drip:1', "part\0");
                $peer->drip(GEARMAN_COMMAND_WORK_COMPLETE, 'H:drip:1', "result\0\0");
        }
    }
});
$client = new GearmanClient();
$client->setTimeout(5000);
var_dump($client->addServer(HOST, $server->port));
var_dump($client->ping("data\0") && json_encode($client->jobStatus('H:drip:1')) === '[true,true,3,4]');
var_dump($client->doBackground('f', 'x'), addcslashes($client->doNormal('f', 'x'), "\0"));
$client->setStatusCallback(fn ($t) => print "status {$t->taskNumerator()}/{$t->taskDenominator()}\n");
$client->setDataCallback(fn ($t) => print addcslashes("data {$t->data()}\n", "\0"));
$client->setCompleteCallback(fn ($t) => print addcslashes("complete {$t->data()}\n", "\0"));
$client->addTask('f', 'x');
var_dump($client->runTasks());

// As a worker sees it.
[$mine, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$server->serve(function (FakePeer $peer) use ($theirs) {
    $peer->until(39);
    $peer->drip(GEARMAN_COMMAND_NO_JOB);
    $peer->until(GEARMAN_COMMAND_PRE_SLEEP);
    $peer->drip(GEARMAN_COMMAND_NOOP);
    $peer->until(39);
    $peer->drip(40, 'H:drip:3', 'f', 'key', '', "work\0load"); // JOB_ASSIGN_ALL
    fwrite($theirs, $peer->until(GEARMAN_COMMAND_WORK_COMPLETE) . "\n");
    $peer->wait();
});
$worker = new GearmanWorker();
$worker->addServer(HOST, $server->port);
$worker->addFunction('f', fn ($job) => strrev($job->workload()) . $job->unique());
var_dump($worker->work(), addcslashes(fgets($mine), "\0"));
?>
--EXPECT--
bool(true)
bool(true)
string(8) "H:drip:2"
string(22) "part\000result\000\000"
status 1/2
data part\000
complete result\000\000
bool(true)
bool(true)
string(28) "H:drip:3\000daol\000krowkey
"
