--TEST--
A handler that throws: the exception leaves the call, and the object goes on
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
        'doNormal' => fn ($c, $w) => $c->doNormal('f', 'one'),
        'jobStatus' => fn ($c, $w) => $c->jobStatus('H:x:1'),
        'client ping' => fn ($c, $w) => $c->ping('one'),
        'runTasks' => fn ($c, $w) => $c->addTask('f', 'one') && $c->runTasks(),
        'worker ping' => fn ($c, $w) => $w->ping('one'),
        'grabJob' => fn ($c, $w) => $w->grabJob(),
        'work' => fn ($c, $w) => $w->work(),
        'wait' => fn ($c, $w) => $w->wait(),
    ] as $name => $call) {
        [$server, $tell] = silent_server();
        $client = new GearmanClient();
        $client->addServer(HOST, $server->port, false);
        $client->setCompleteCallback(fn ($task) => print "<{$task->data()}> ");
        [$servers_worker, $tell_worker] = silent_server(); // a server serves one connection at a time
        $worker = new GearmanWorker();
        $worker->addServer(HOST, $servers_worker->port, false);
        $worker->addFunction('f', fn () => '');
        pcntl_signal(SIGUSR1, fn () => throw new DomainException("thrown into $name"));
        $child = signal_when_asleep(SIGUSR1);
        [$result, $warnings] = heard(fn () => $call($client, $worker));
        wait_child($child);
        echo '  ', $result instanceof DomainException ? $result->getMessage() : 'not thrown', ' ', json_encode($warnings), ' ';
        // The answer to the call that was left, and then those to the next ones: none is taken for another's.
        fwrite($tell, "\n\n\n\n\n\n");
        fwrite($tell_worker, "\n\n\n\n\n\n");
        echo json_encode([$client->doNormal('f', 'two'), $client->ping('three'), $client->runTasks(), $worker->ping('four')]), "\n";
        pcntl_signal(SIGUSR1, SIG_DFL);
    }
}

echo "with several servers the others are not waited for\n";
pcntl_async_signals(true);
pcntl_signal(SIGUSR1, fn () => throw new DomainException('thrown into ping'));
foreach (['GearmanClient', 'GearmanWorker'] as $class) {
    $object = new $class();
    $servers = [];
    for ($i = 0; $i < 6; $i++) {
        [$servers[]] = silent_server();
        $object->addServer(HOST, $servers[$i]->port, false);
    }
    $child = signal_when_asleep(SIGUSR1);
    $begin = hrtime(true);
    [$result] = heard(fn () => $object->ping('x'));
    $soon = hrtime(true) - $begin < 3e9;
    echo "  $class: ", $result instanceof DomainException ? $result->getMessage() : json_encode($result), $soon ? '' : ', late', "\n";
    wait_child($child);
}
?>
--EXPECT--
asynchronous
  thrown into doNormal [] ["owt",true,true,true]
  thrown into jobStatus [] ["owt",true,true,true]
  thrown into client ping [] ["owt",true,true,true]
  thrown into runTasks [] <eno> ["owt",true,true,true]
  thrown into worker ping [] ["owt",true,true,true]
  thrown into grabJob [] ["owt",true,true,true]
  thrown into work [] ["owt",true,true,true]
  thrown into wait [] ["owt",true,true,true]
by pcntl_signal_dispatch
  thrown into doNormal [] ["owt",true,true,true]
  thrown into jobStatus [] ["owt",true,true,true]
  thrown into client ping [] ["owt",true,true,true]
  thrown into runTasks [] <eno> ["owt",true,true,true]
  thrown into worker ping [] ["owt",true,true,true]
  thrown into grabJob [] ["owt",true,true,true]
  thrown into work [] ["owt",true,true,true]
  thrown into wait [] ["owt",true,true,true]
with several servers the others are not waited for
  GearmanClient: thrown into ping
  GearmanWorker: thrown into ping
