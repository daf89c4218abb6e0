--TEST--
An answer that comes after the timeout is not taken for another's
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';
require __DIR__ . '/../fake_server.inc';

// The server answers each request when it has read the next one. 'flush' is answered at once.
$serve = function (FakePeer $peer) {
    $due = '';
    $n = 0;
    while ([$command, $body] = $peer->read()) {
        $n++;
        $answer = match ($command) {
            GEARMAN_COMMAND_ECHO_REQ => FakePeer::packet(GEARMAN_COMMAND_ECHO_RES, $body),
            GEARMAN_COMMAND_GET_STATUS => FakePeer::packet(GEARMAN_COMMAND_STATUS_RES, $body, '1', '1', (string) $n, '9'),
            GEARMAN_COMMAND_SUBMIT_JOB_BG => FakePeer::packet(GEARMAN_COMMAND_JOB_CREATED, "H:late:$n"),
            GEARMAN_COMMAND_SUBMIT_JOB => FakePeer::packet(GEARMAN_COMMAND_JOB_CREATED, "H:late:$n")
                . FakePeer::packet(GEARMAN_COMMAND_WORK_DATA, "H:late:$n", 'result of ')
                . FakePeer::packet(GEARMAN_COMMAND_WORK_COMPLETE, "H:late:$n", substr(strrchr($body, "\0"), 1)),
        };
        $peer->send($due);
        $due = $answer;
        if (str_contains($body, 'flush')) {
            $peer->send($due);
            $due = '';
        }
    }
};
$calls = [
    'doNormal' => fn ($c, $x) => $c->doNormal('f', $x),
    'doBackground' => fn ($c, $x) => $c->doBackground('f', $x),
    'jobStatus' => fn ($c, $x) => json_encode($c->jobStatus("H:$x")),
    'ping' => fn ($c, $x) => $c->ping($x),
    'runTasks' => function ($c, $x) {
        $c->setCompleteCallback(fn ($task) => print "<{$task->unique()}: {$task->data()}>");
        $c->addTask('f', $x, null, "task $x");
        return $c->runTasks();
    },
];
foreach ($calls as $first => $call) {
    foreach ($calls as $second => $next) {
        $server = fake_server($serve);
        $client = new GearmanClient();
        $client->addServer(HOST, $server->port, false);
        $client->setTimeout(25);
        [$a] = heard(fn () => $call($client, 'one'));
        $timeout = $client->returnCode();
        $client->setTimeout(10000);
        [$b] = heard(fn () => $next($client, 'two flush'));
        printf("%s %d %s, %s %d %s\n", $first, $timeout, json_encode($a), $second, $client->returnCode(), json_encode($b));
        [$c] = heard(fn () => $client->doNormal('f', 'three flush'));
        if ($c !== 'result of three flush') {
            printf("  then %d %s\n", $client->returnCode(), json_encode($c));
        }
    }
}
?>
--EXPECT--
doNormal 47 "", doNormal 0 "result of two flush"
doNormal 47 "", doBackground 0 "H:late:2"
doNormal 47 "", jobStatus 0 "[true,true,2,9]"
doNormal 47 "", ping 0 true
<task two flush: two flush>doNormal 47 "", runTasks 0 true
doBackground 47 "", doNormal 0 "result of two flush"
doBackground 47 "", doBackground 0 "H:late:2"
doBackground 47 "", jobStatus 0 "[true,true,2,9]"
doBackground 47 "", ping 0 true
<task two flush: two flush>doBackground 47 "", runTasks 0 true
jobStatus 47 "[false,false,0,0]", doNormal 0 "result of two flush"
jobStatus 47 "[false,false,0,0]", doBackground 0 "H:late:2"
jobStatus 47 "[false,false,0,0]", jobStatus 0 "[true,true,2,9]"
jobStatus 47 "[false,false,0,0]", ping 0 true
<task two flush: two flush>jobStatus 47 "[false,false,0,0]", runTasks 0 true
ping 47 false, doNormal 0 "result of two flush"
ping 47 false, doBackground 0 "H:late:2"
ping 47 false, jobStatus 0 "[true,true,2,9]"
ping 47 false, ping 0 true
<task two flush: two flush>ping 47 false, runTasks 0 true
runTasks 47 false, doNormal 0 "result of two flush"
runTasks 47 false, doBackground 0 "H:late:2"
runTasks 47 false, jobStatus 0 "[true,true,2,9]"
runTasks 47 false, ping 0 true
<task one: one><task two flush: two flush>runTasks 47 false, runTasks 0 true
