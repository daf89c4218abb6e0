--TEST--
The server goes away: idle, while waiting, and for good
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

// It comes back on the same port: at most one call fails, the next connects anew.
$server = start_gearmand();
$client = client($server->port);
show('handle', $client->doBackground('f', 'x'));
$server->stop();
$server = start_gearmand(port: $server->port);
$first = @$client->doBackground('f', 'x');
show('the first may fail', $first !== '' || $client->returnCode() === GEARMAN_LOST_CONNECTION);
show('the second does not', $client->doBackground('f', 'x'), code($client), $client->ping('x'));

// It goes away while the client waits.
foreach (['doNormal', 'runTasks'] as $method) {
    $server = start_gearmand();
    $client = client($server->port);
    $client->setFailCallback(fn() => print("fail callback called\n"));
    $client->setDataCallback(fn(GearmanTask $task) => show('data', $task->data()));
    $ends_the_server = serve(function (GearmanJob $job) use ($server) {
        $job->sendData('before the end');
        $job->sendStatus(1, 1);
        // Once the server has heard of the status, the client's data is on its way.
        wait_until(fn() => client($server->port)->jobStatus($job->handle())[2] === 1);
        posix_kill($server->pid, SIGKILL);
    }, $server->port);
    $method === 'runTasks' && $client->addTask($ends_the_server, 'x');
    show($method, $method === 'runTasks' ? $client->runTasks() : $client->doNormal($ends_the_server, 'x'), code($client), (string) $client->error() !== '');
}

// It is gone for good. The client learns of it now, if it has not yet.
wait_until(fn() => !$server->running());
@$client->ping('x');
foreach (['do', 'doNormal', 'doHigh', 'doLow', 'doBackground', 'doHighBackground', 'doLowBackground'] as $method) {
    show($method, $client->$method('f', 'x'), code($client));
}
show('jobStatus', $client->jobStatus('H:a:1'), code($client));
show('jobStatusByUniqueKey', $client->jobStatusByUniqueKey('key'));
show('ping', $client->ping('x'), code($client));
show('enableExceptionHandler', fn() => $client->enableExceptionHandler());
show('setExceptionCallback', fn() => $client->setExceptionCallback(fn() => null));
--EXPECT--
handle: a handle
the first may fail: true
the second does not: a handle, SUCCESS, true
  Warning: GearmanClient::doNormal()
doNormal: '', LOST_CONNECTION, true
data: 'before the end'
  Warning: GearmanClient::runTasks()
runTasks: false, LOST_CONNECTION, true
  Warning: GearmanClient::do()
do: '', COULD_NOT_CONNECT
  Warning: GearmanClient::doNormal()
doNormal: '', COULD_NOT_CONNECT
  Warning: GearmanClient::doHigh()
doHigh: '', COULD_NOT_CONNECT
  Warning: GearmanClient::doLow()
doLow: '', COULD_NOT_CONNECT
  Warning: GearmanClient::doBackground()
doBackground: '', COULD_NOT_CONNECT
  Warning: GearmanClient::doHighBackground()
doHighBackground: '', COULD_NOT_CONNECT
  Warning: GearmanClient::doLowBackground()
doLowBackground: '', COULD_NOT_CONNECT
  Warning: GearmanClient::jobStatus()
jobStatus: [false, false, 0, 0], COULD_NOT_CONNECT
  Warning: GearmanClient::jobStatusByUniqueKey()
jobStatusByUniqueKey: [false, false, 0, 0]
  Warning: GearmanClient::ping()
ping: false, COULD_NOT_CONNECT
enableExceptionHandler: GearmanException: Failed to set exception option
setExceptionCallback: GearmanException: Failed to set exception option
