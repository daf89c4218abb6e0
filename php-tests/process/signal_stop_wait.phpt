--TEST--
STOP_WAIT_ON_SIGNAL: a handled signal ends the call with IO_WAIT; without it only an idle work() and wait() end
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
    $runs = 0;
    pcntl_signal(SIGUSR1, function () use (&$runs) {
        $runs++;
    });
    [$server] = silent_server();
    foreach (['doNormal' => ['f', 'x'], 'jobStatus' => ['H:x:1'], 'ping' => ['x'], 'runTasks' => []] as $method => $arguments) {
        $client = new GearmanClient();
        $client->addServer(HOST, $server->port, false);
        $client->addOptions(GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL);
        $method === 'runTasks' && $client->addTask('f', 'x');
        $runs = 0;
        $child = signal_when_asleep(SIGUSR1);
        [$result, $warnings] = heard(fn () => $client->$method(...$arguments));
        wait_child($child);
        echo "  client $method: ", json_encode([$result, $client->returnCode(), $warnings, $runs]), "\n";
    }
    $client = new GearmanClient();
    $client->addServer(HOST, $server->port, false);
    $client->addTask('f', 'x');
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING | GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL);
    var_dump($client->runTasks());
    $child = signal_when_asleep(SIGUSR1);
    [$result, $warnings] = heard(fn () => $client->wait());
    wait_child($child);
    echo '  client wait: ', json_encode([$result, $client->returnCode(), $warnings]), "\n";

    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT, false);
    $worker->addFunction(unique_function_name(), fn () => '');
    foreach ([false, true] as $stop) {
        $stop && $worker->addOptions(GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL);
        foreach (['work', 'wait'] as $method) {
            $runs = 0;
            $child = signal_when_asleep(SIGUSR1);
            [$result, $warnings] = heard(fn () => $worker->$method());
            wait_child($child);
            echo '  worker ', $stop ? 'stopping ' : '', "$method: ", json_encode([$result, $worker->returnCode(), $warnings, $runs]), "\n";
        }
    }
    // A signal that nobody handles, and one that is ignored, end nothing.
    pcntl_signal(SIGUSR2, SIG_IGN);
    $me = getmypid();
    $child = spawn(function () use ($me) {
        while (true) {
            posix_kill($me, SIGUSR2);
            posix_kill($me, SIGCHLD);
            posix_kill($me, SIGCONT);
            usleep(1000);
        }
    }, clean: false);
    $worker->removeOptions(GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL);
    $worker->setTimeout(300);
    $begin = hrtime(true);
    $result = $worker->work();
    echo '  ignored: ', json_encode([$result, $worker->returnCode(), hrtime(true) - $begin >= 3e8]), "\n";
    stop_child($child, SIGKILL);
}
?>
--EXPECT--
asynchronous
  client doNormal: ["",1,[],1]
  client jobStatus: [[false,false,0,0],1,[],1]
  client ping: [false,1,[],1]
  client runTasks: [false,1,[],1]
bool(true)
  client wait: [false,1,[]]
  worker work: [true,0,[],1]
  worker wait: [true,0,[],1]
  worker stopping work: [false,1,[],1]
  worker stopping wait: [false,1,[],1]
  ignored: [false,47,true]
by pcntl_signal_dispatch
  client doNormal: ["",1,[],1]
  client jobStatus: [[false,false,0,0],1,[],1]
  client ping: [false,1,[],1]
  client runTasks: [false,1,[],1]
bool(true)
  client wait: [false,1,[]]
  worker work: [true,0,[],1]
  worker wait: [true,0,[],1]
  worker stopping work: [false,1,[],1]
  worker stopping wait: [false,1,[],1]
  ignored: [false,47,true]
