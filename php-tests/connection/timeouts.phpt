--TEST--
setTimeout(0) never waits, a negative one waits as long as it takes; a server that does not accept costs its connect timeout and no more
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$server = start_gearmand();
$slow = serve(function (GearmanJob $job) {
    usleep(200000);
    return strrev($job->workload());
}, $server->port);
$calls = [
    'doNormal' => fn (GearmanClient $c) => $c->doNormal($slow, 'abc'),
    'doBackground' => fn (GearmanClient $c) => (bool) $c->doBackground($slow, 'abc'),
    'jobStatus' => fn (GearmanClient $c) => $c->jobStatus('H:none:1'),
    'ping' => fn (GearmanClient $c) => $c->ping('x'),
    'runTasks' => fn (GearmanClient $c) => $c->addTask($slow, 'abc') && $c->runTasks(),
];
foreach ($calls as $name => $call) {
    $client = client($server->port);
    $client->setTimeout(0);
    // A server that runs may have answered before it is looked whether it has.
    posix_kill($server->pid, SIGSTOP);
    wait_until(fn () => str_contains(file_get_contents("/proc/$server->pid/stat"), ') T '));
    $zero = @$call($client);
    $code = code_of($client->returnCode());
    posix_kill($server->pid, SIGCONT);
    // The same object: first what was left open, then a call of its own; its answer is its own.
    $client->setTimeout(-1);
    $text = bin2hex(random_bytes(4));
    show($name, $zero, $code, $client->doNormal($slow, $text) === strrev($text), $call($client), code($client));
}
$worker = worker([$own = unique_function_name() => fn () => null]);
$worker->setTimeout(0);
show('work', @$worker->work(), code($worker));
$worker->setTimeout(-1);
client()->doBackground($own, 'x');
show('work', $worker->work(), code($worker));

// A listener with a full backlog, before one that is good.
$listener = stream_socket_server('tcp://' . HOST . ':0', context: stream_context_create(['socket' => ['backlog' => 0]]));
$address = stream_socket_get_name($listener, false);
for ($i = 0; $i < 4; $i++) {
    $filling[] = @stream_socket_client("tcp://$address", $code, $text, 0.1, STREAM_CLIENT_CONNECT | STREAM_CLIENT_ASYNC_CONNECT);
}
ini_set('gearman.connect_timeout', '50');
$client = new GearmanClient();
$client->addServers("$address," . HOST . ":$server->port", false);
show('client, the second server', $client->doNormal($slow, 'abc'), code($client));
$worker = new GearmanWorker();
$worker->addServers("$address," . HOST . ':' . PORT, false);
$worker->addFunction($own, fn () => null);
client()->doBackground($own, 'x');
show('worker, the second server', $worker->work(), code($worker));
// A call's own timeout ends it also while it connects.
ini_set('gearman.connect_timeout', '60000');
$client = new GearmanClient();
$client->addServers($address, false);
$client->setTimeout(50);
show('connecting', @$client->doNormal($slow, 'abc'), code($client));
$worker = new GearmanWorker();
$worker->addServers($address, false);
$worker->addFunction($own, fn () => null);
$worker->setTimeout(50);
show('connecting', @$worker->work(), code($worker));
?>
--EXPECT--
doNormal: '', 'TIMEOUT', true, 'cba', SUCCESS
doBackground: false, 'TIMEOUT', true, true, SUCCESS
jobStatus: [false, false, 0, 0], 'TIMEOUT', true, [false, false, 0, 0], SUCCESS
ping: false, 'TIMEOUT', true, true, SUCCESS
runTasks: false, 'TIMEOUT', true, true, SUCCESS
work: false, TIMEOUT
work: true, SUCCESS
client, the second server: 'cba', SUCCESS
worker, the second server: true, SUCCESS
connecting: '', TIMEOUT
connecting: false, TIMEOUT
