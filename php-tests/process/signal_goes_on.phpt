--TEST--
A handler runs while a call waits, and the call goes on waiting for what it asked for
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
        'jobStatus' => fn ($c, $w) => json_encode($c->jobStatus('H:x:1')),
        'client ping' => fn ($c, $w) => $c->ping('abc'),
        'runTasks' => function ($c, $w) {
            $c->setCompleteCallback(fn ($task) => print "<{$task->data()}>");
            $c->addTask('f', 'abc');
            return $c->runTasks();
        },
        'worker ping' => fn ($c, $w) => $w->ping('abc'),
        'grabJob' => fn ($c, $w) => $w->grabJob() ?: 'no job',
    ] as $name => $call) {
        [$server, $tell] = silent_server();
        $client = new GearmanClient();
        $client->addServer(HOST, $server->port, false);
        $worker = new GearmanWorker();
        $worker->addServer(HOST, $server->port, false);
        $worker->addFunction('f', fn () => '');
        // Nothing but the handler lets the server answer, so it must run while the call waits.
        $runs = 0;
        pcntl_signal(SIGUSR1, function () use (&$runs, $tell) {
            ++$runs === 3 && fwrite($tell, "\n");
        });
        $child = signal_when_asleep(SIGUSR1, 3);
        $begin = hrtime(true);
        [$result, $warnings] = heard(fn () => $call($client, $worker));
        wait_child($child);
        printf("  %s: %s after %d runs, %s\n", $name, json_encode($result), $runs, json_encode($warnings));
        pcntl_signal(SIGUSR1, SIG_DFL);
    }
}
?>
--EXPECT--
asynchronous
  doNormal: "cba" after 3 runs, []
  jobStatus: "[true,true,2,3]" after 3 runs, []
  client ping: true after 3 runs, []
<cba>  runTasks: true after 3 runs, []
  worker ping: true after 3 runs, []
  grabJob: "no job" after 3 runs, ["GearmanWorker::grabJob(): no jobs"]
by pcntl_signal_dispatch
  doNormal: "cba" after 3 runs, []
  jobStatus: "[true,true,2,3]" after 3 runs, []
  client ping: true after 3 runs, []
<cba>  runTasks: true after 3 runs, []
  worker ping: true after 3 runs, []
  grabJob: "no job" after 3 runs, ["GearmanWorker::grabJob(): no jobs"]
