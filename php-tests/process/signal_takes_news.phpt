--TEST--
A signal handler's own call takes in what the call that it interrupts waits for: that call has it all the same
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
// Such a call waited on, for what had come already: doNormal() lost its result, and runTasks() failed with
// NO_ACTIVE_FDS for tasks that were done.
require __DIR__ . '/signals.inc';

$function = unique_function_name();
[$open, $gated] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
// One process: what it gets first is done first.
$serving = spawn(function () use ($function, $gated) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, function (GearmanJob $job) use ($gated) {
        if ($job->workload() === 'outer') {
            fread($gated, 1); // the handler lets it go on
        }
        return $job->workload() . ' done';
    });
    while ($worker->work());
});

pcntl_async_signals(true);
$outer = [
    'doNormal' => fn ($client) => $client->doNormal($function, 'outer'),
    'runTasks' => fn ($client) => $client->addTask($function, 'outer') && $client->runTasks(),
];
$inner = [
    'doNormal' => fn ($client) => $client->doNormal($function, 'inner'),
    'runTasks' => fn ($client) => $client->addTask($function, 'inner') && $client->runTasks(),
];
foreach ($outer as $name => $call) {
    foreach ($inner as $within => $handle) {
        $client = new GearmanClient();
        $client->addServer(HOST, PORT);
        $client->setTimeout(10000);
        $said = [];
        $client->setCompleteCallback(function (GearmanTask $task) use (&$said) {
            $said[] = $task->data();
        });
        pcntl_signal(SIGUSR1, function () use ($client, $handle, $open, &$said) {
            fwrite($open, '.');
            $said[] = $handle($client);
        });
        $child = signal_when_asleep(SIGUSR1);
        $result = $call($client);
        echo "$name, $within in the handler: ", json_encode([$result, $client->returnCode(), $said]), "\n";
        wait_child($child);
    }
}
stop_child($serving, SIGKILL);
?>
--EXPECT--
doNormal, doNormal in the handler: ["outer done",0,["inner done"]]
doNormal, runTasks in the handler: ["outer done",0,["inner done",true]]
runTasks, doNormal in the handler: [true,0,["inner done","outer done"]]
runTasks, runTasks in the handler: [true,0,["outer done","inner done",true]]
