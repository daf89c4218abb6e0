--TEST--
work() without servers, without functions and with nobody there
--FILE--
<?php
require __DIR__ . '/../api.inc';

$worker = new GearmanWorker();
show('no servers', $worker->work(), code($worker), (string) $worker->error() !== '', $worker->getErrno());
show('grabJob', $worker->grabJob(), code($worker));
show('ping', $worker->ping('x'), code($worker));
show('wait', $worker->wait(), code($worker));
show('unregister', $worker->unregister('f'), code($worker));
show('unregisterAll', $worker->unregisterAll(), code($worker));
show('enableExceptionHandler', fn() => $worker->enableExceptionHandler());
show('addFunction', $worker->addFunction('f', fn() => ''), code($worker));
show('still no servers', $worker->work(), code($worker));

$worker = worker();
show('no functions', $worker->work(), code($worker), (string) $worker->error() !== '');
show('wait', $worker->wait(), code($worker));

$server = start_gearmand();
$port = $server->port;
$server->stop();
$worker = new GearmanWorker();
$worker->addServer(HOST, $port, false);
$worker->addFunction($function = unique_function_name(), fn(GearmanJob $job) => show('job', $job->workload()));
show('nobody there', $worker->work(), code($worker), (string) $worker->error() !== '');
show('grabJob', $worker->grabJob(), code($worker));
show('ping', $worker->ping('x'), code($worker));
$server = start_gearmand(port: $port);
client($port)->doBackground($function, 'the server is there later');
show('work', $worker->work(), code($worker));
--EXPECT--
  Warning: GearmanWorker::work()
no servers: false, NO_SERVERS, true, 0
  Warning: GearmanWorker::grabJob()
grabJob: false, NO_SERVERS
  Warning: GearmanWorker::ping()
ping: false, NO_SERVERS
  Warning: GearmanWorker::wait()
wait: false, NO_ACTIVE_FDS
  Warning: GearmanWorker::unregister()
unregister: false, NO_REGISTERED_FUNCTION
  Warning: GearmanWorker::unregisterAll()
unregisterAll: false, NO_REGISTERED_FUNCTIONS
enableExceptionHandler: GearmanException: Failed to set exception option
addFunction: true, SUCCESS
  Warning: GearmanWorker::work()
still no servers: false, NO_SERVERS
  Warning: GearmanWorker::work()
no functions: false, NO_REGISTERED_FUNCTIONS, true
  Warning: GearmanWorker::wait()
wait: false, NO_ACTIVE_FDS
  Warning: GearmanWorker::work()
nobody there: false, COULD_NOT_CONNECT, true
  Warning: GearmanWorker::grabJob()
grabJob: false, COULD_NOT_CONNECT
  Warning: GearmanWorker::ping()
ping: false, COULD_NOT_CONNECT
job: 'the server is there later'
work: true, SUCCESS
