--TEST--
Of several servers one whose name is not known is added all the same, and looked up again when it is needed
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* One name that could not be resolved, as that of a container that is away, left a client or a worker without any server for ever. */
require __DIR__ . '/../api.inc';

$both = 'no-such-host.invalid:1,' . HOST . ':' . PORT;
$function = unique_function_name();
foreach ([false, true] as $now) {
    echo $now ? "connecting\n" : "not connecting: one that is known is enough\n";
    $client = new GearmanClient();
    show('- client', $client->addServers($both, $now), code($client));
    show('- a job', $client->doBackground($function, 'x'), code($client));
    $worker = new GearmanWorker();
    $worker->addFunction($function, fn() => '');
    show('- worker', $worker->addServers($both, $now), code($worker));
    show('- work', $worker->work(), code($worker));
}

echo "none that is known: as with pecl it is not added\n";
$client = new GearmanClient();
show('- client', $client->addServer('no-such-host.invalid', 1, false), code($client));
show('- a job', $client->doBackground($function, 'x'), code($client));
$worker = new GearmanWorker();
$worker->addFunction($function, fn() => '');
show('- worker', $worker->addServer('no-such-host.invalid', 1, false), code($worker));
show('- work', $worker->work(), code($worker));
show('- another', $client->addServer(HOST, PORT), $worker->addServer(HOST, PORT));

echo "event loops connect later\n";
$client = new GearmanClient();
$streams = $client->getStreams();
show('- client', $client->addServer('no-such-host.invalid', 1), code($client));

echo "who tries again until it is known means one server\n";
$worker = new GearmanWorker();
$worker->addFunction($alone = unique_function_name(), fn() => '');
for ($i = 0; $i < 3; $i++) {
    @$worker->addServers($both);
}
show('- connects', $worker->addServers(HOST . ':' . PORT), code($worker));
$worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
wait_until(fn() => !@$worker->work() && function_status($alone)[2]);
for ($i = 0; $i < 50; $i++) {
    @$worker->work(); // another connection would be made now
}
show('- workers', function_status($alone)[2]);
--EXPECT--
not connecting: one that is known is enough
- client: true, SUCCESS
- a job: a handle, SUCCESS
- worker: true, SUCCESS
- work: true, SUCCESS
connecting
  Warning: GearmanClient::addServers()
- client: false, GETADDRINFO
- a job: a handle, SUCCESS
  Warning: GearmanWorker::addServers()
- worker: false, GETADDRINFO
- work: true, SUCCESS
none that is known: as with pecl it is not added
  Warning: GearmanClient::addServer()
- client: false, GETADDRINFO
  Warning: GearmanClient::doBackground()
- a job: '', NO_SERVERS
  Warning: GearmanWorker::addServer()
- worker: false, GETADDRINFO
  Warning: GearmanWorker::work()
- work: false, NO_SERVERS
- another: true, true
event loops connect later
- client: true, SUCCESS
who tries again until it is known means one server
- connects: true, SUCCESS
- workers: 1
