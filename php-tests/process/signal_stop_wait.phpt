--TEST--
STOP_WAIT_ON_SIGNAL: a handled signal ends the wait with IO_WAIT, and the object goes on
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';

foreach ([true, false] as $async) {
    echo $async ? "asynchronous\n" : "by pcntl_signal_dispatch\n";
    pcntl_async_signals($async);
    foreach ([
        'doNormal' => fn ($c, $w) => $c->doNormal('f', 'abc'),
        'jobStatus' => fn ($c, $w) => $c->jobStatus('H:x:1'),
        'client ping' => fn ($c, $w) => $c->ping('abc'),
        'runTasks' => fn ($c, $w) => $c->addTask('f', 'abc') && $c->runTasks(),
        'work' => fn ($c, $w) => $w->work(),
    ] as $name => $call) {
        [$server, $tell] = silent_server();
        $client = new GearmanClient();
        $client->addServer(HOST, $server->port, false);
        $client->addOptions(GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL);
        $client->setCompleteCallback(fn ($task) => print "<{$task->data()}> ");
        [$servers_worker, $tell_worker] = silent_server();
        $worker = new GearmanWorker();
        $worker->addServer(HOST, $servers_worker->port, false);
        $worker->addFunction('f', fn () => '');
        $worker->addOptions(GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL);
        $runs = 0;
        pcntl_signal(SIGUSR1, function () use (&$runs) { $runs++; });
        $child = signal_when_asleep(SIGUSR1);
        [$result, $warnings] = heard(fn () => $call($client, $worker));
        wait_child($child);
        $object = $name === 'work' ? $worker : $client;
        echo "  $name: ", json_encode($result), ", code {$object->returnCode()}, $runs run, ", json_encode($warnings), ' ';
        // What was left unanswered is answered now, and taken for nothing else's answer.
        fwrite($tell, str_repeat("\n", 6));
        fwrite($tell_worker, str_repeat("\n", 6));
        echo json_encode([$client->doNormal('f', 'two'), $client->runTasks(), $client->ping('three'), $worker->ping('four')]), "\n";
        pcntl_signal(SIGUSR1, SIG_DFL);
    }
}

echo "without the option\n";
[$server, $tell] = silent_server();
$client = new GearmanClient();
$client->addServer(HOST, $server->port, false);
$client->addOptions(GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL);
$client->removeOptions(GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL);
pcntl_signal(SIGUSR1, fn () => fwrite($tell, "\n"));
$child = signal_when_asleep(SIGUSR1);
var_dump($client->doNormal('f', 'abc'));
wait_child($child);
$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$worker->addFunction(unique_function_name(), fn () => '');
foreach (['work', 'wait'] as $method) {
    $child = signal_when_asleep(SIGUSR1);
    var_dump($worker->$method(), $worker->returnCode() === GEARMAN_SUCCESS, $worker->error());
    wait_child($child);
}
?>
--EXPECT--
asynchronous
  doNormal: "", code 1, 1 run, [] ["owt",true,true,true]
  jobStatus: [false,false,0,0], code 1, 1 run, [] ["owt",true,true,true]
  client ping: false, code 1, 1 run, [] ["owt",true,true,true]
  runTasks: false, code 1, 1 run, [] <cba> ["owt",true,true,true]
  work: false, code 1, 1 run, [] ["owt",true,true,true]
by pcntl_signal_dispatch
  doNormal: "", code 1, 1 run, [] ["owt",true,true,true]
  jobStatus: [false,false,0,0], code 1, 1 run, [] ["owt",true,true,true]
  client ping: false, code 1, 1 run, [] ["owt",true,true,true]
  runTasks: false, code 1, 1 run, [] <cba> ["owt",true,true,true]
  work: false, code 1, 1 run, [] ["owt",true,true,true]
without the option
string(3) "cba"
bool(true)
bool(true)
bool(false)
bool(true)
bool(true)
bool(false)
