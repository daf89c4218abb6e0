--TEST--
Nobody listens, no such host, no such port: what client and worker say
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';
require __DIR__ . '/../fake_server.inc';

// Our end of a connection: nobody listens on its port, and nobody else can take it.
$taken = stream_socket_client('tcp://' . HOST . ':' . PORT);
$port = (int) substr(strrchr(stream_socket_get_name($taken, false), ':'), 1);

function show(string $what, object $object, callable $call): void
{
    global $port;
    [$result, $warnings] = heard($call);
    $result = $result instanceof Exception ? get_class($result) . ': ' . $result->getMessage() : json_encode($result);
    printf("%-32s %2d %s %s\n", $what, $object->returnCode(), $result, str_replace(":$port", ':PORT', implode(' | ', $warnings)));
}

foreach (['GearmanClient', 'GearmanWorker'] as $class) {
    foreach ([-1, 65536, 70000, PHP_INT_MAX, PHP_INT_MIN] as $bad) {
        $object = new $class();
        show("$class port $bad", $object, fn () => $object->addServer(HOST, $bad));
    }
    foreach (['no-such-host.invalid', 'host name', "a\0b", "\xff\xfe", str_repeat('x', 300)] as $host) {
        $object = new $class();
        [$result, $warnings] = heard(fn () => $object->addServer($host, 4730, false));
        printf(
            "%s host %s: %s, code %d, %s\n",
            $class,
            preg_replace('/x{300}/', 'x{300}', addcslashes($host, "\0..\37\177..\377")),
            json_encode($result),
            $object->returnCode(),
            preg_replace(['/x{300}/', '/(resolve \S+( name:\d+)?): (?!.*NUL).*/'], ['x{300}', '$1: ...'], addcslashes(implode(' | ', $warnings), "\0..\37\177..\377")),
        );
    }
    show("$class addServers", $object, fn () => $object->addServers(HOST . ':4730,' . HOST . ':70000', false));
    show("$class addServers", $object, fn () => $object->addServers(HOST . ':port', false));
    $object = new $class();
    show("$class nobody there", $object, fn () => $object->addServer(HOST, $port));
    show('  again, without connecting', $object, fn () => $object->addServer(HOST, $port, false));
    show('  enableExceptionHandler', $object, fn () => $object->enableExceptionHandler());
}

$client = new GearmanClient();
$client->addServer(HOST, $port, false);
foreach (['do', 'doNormal', 'doHigh', 'doLow', 'doBackground', 'doHighBackground', 'doLowBackground'] as $method) {
    show($method, $client, fn () => $client->$method('f', 'x'));
}
show('jobStatus', $client, fn () => $client->jobStatus('H:x:1'));
show('jobStatusByUniqueKey', $client, fn () => $client->jobStatusByUniqueKey('key'));
show('ping', $client, fn () => $client->ping('x'));
show('wait', $client, fn () => $client->wait());
$client->addTask('f', 'x');
show('runTasks', $client, fn () => $client->runTasks());
show('runTasks, the task waits', $client, fn () => $client->runTasks());

$worker = new GearmanWorker();
$worker->addServer(HOST, $port, false);
show('work, no functions', $worker, fn () => $worker->work());
$worker->addFunction('f', fn () => null);
show('work', $worker, fn () => $worker->work());
show('grabJob', $worker, fn () => $worker->grabJob());
show('ping', $worker, fn () => $worker->ping('x'));
show('wait', $worker, fn () => $worker->wait());
$worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
show('work, non-blocking', $worker, fn () => $worker->work());
show('grabJob, non-blocking', $worker, fn () => $worker->grabJob());

// Of two servers the first is down.
$client = new GearmanClient();
$client->addServer(HOST, $port, false);
$client->addServer(HOST, PORT, false);
show('two servers: doBackground', $client, fn () => substr($client->doBackground(unique_function_name(), 'x'), 0, 2));
show('two servers: ping', $client, fn () => $client->ping('x'));
?>
--EXPECTF--
GearmanClient port -1            12 false GearmanClient::addServer(): could not resolve 127.0.0.1:-1: the port must be between 0 and 65535
GearmanClient port 65536         12 false GearmanClient::addServer(): could not resolve 127.0.0.1:65536: the port must be between 0 and 65535
GearmanClient port 70000         12 false GearmanClient::addServer(): could not resolve 127.0.0.1:70000: the port must be between 0 and 65535
GearmanClient port 9223372036854775807 12 false GearmanClient::addServer(): could not resolve 127.0.0.1:9223372036854775807: the port must be between 0 and 65535
GearmanClient port -9223372036854775808 12 false GearmanClient::addServer(): could not resolve 127.0.0.1:-9223372036854775808: the port must be between 0 and 65535
GearmanClient host no-such-host.invalid: false, code 12, GearmanClient::addServer(): could not resolve no-such-host.invalid:4730: ...
GearmanClient host host name: false, code 12, GearmanClient::addServer(): could not resolve host name:4730: ...
GearmanClient host a\000b: false, code 12, GearmanClient::addServer(): could not resolve a%sb:4730: a host name holds no NUL
GearmanClient host \377\376: false, code 12, GearmanClient::addServer(): could not resolve \357\277\275\357\277\275:4730: ...
GearmanClient host x{300}: false, code 12, GearmanClient::addServer(): could not resolve x{300}:4730: ...
GearmanClient addServers         12 false GearmanClient::addServers(): could not resolve 127.0.0.1:70000: "70000" is no port, a number from 1 to 65535 is
GearmanClient addServers         12 false GearmanClient::addServers(): could not resolve 127.0.0.1:port: "port" is no port, a number from 1 to 65535 is
GearmanClient nobody there        0 GearmanException: Failed to set exception option 
  again, without connecting       0 true 
  enableExceptionHandler          0 GearmanException: Failed to set exception option 
GearmanWorker port -1            12 false GearmanWorker::addServer(): could not resolve 127.0.0.1:-1: the port must be between 0 and 65535
GearmanWorker port 65536         12 false GearmanWorker::addServer(): could not resolve 127.0.0.1:65536: the port must be between 0 and 65535
GearmanWorker port 70000         12 false GearmanWorker::addServer(): could not resolve 127.0.0.1:70000: the port must be between 0 and 65535
GearmanWorker port 9223372036854775807 12 false GearmanWorker::addServer(): could not resolve 127.0.0.1:9223372036854775807: the port must be between 0 and 65535
GearmanWorker port -9223372036854775808 12 false GearmanWorker::addServer(): could not resolve 127.0.0.1:-9223372036854775808: the port must be between 0 and 65535
GearmanWorker host no-such-host.invalid: false, code 12, GearmanWorker::addServer(): could not resolve no-such-host.invalid:4730: ...
GearmanWorker host host name: false, code 12, GearmanWorker::addServer(): could not resolve host name:4730: ...
GearmanWorker host a\000b: false, code 12, GearmanWorker::addServer(): could not resolve a%sb:4730: a host name holds no NUL
GearmanWorker host \377\376: false, code 12, GearmanWorker::addServer(): could not resolve \357\277\275\357\277\275:4730: ...
GearmanWorker host x{300}: false, code 12, GearmanWorker::addServer(): could not resolve x{300}:4730: ...
GearmanWorker addServers         12 false GearmanWorker::addServers(): could not resolve 127.0.0.1:70000: "70000" is no port, a number from 1 to 65535 is
GearmanWorker addServers         12 false GearmanWorker::addServers(): could not resolve 127.0.0.1:port: "port" is no port, a number from 1 to 65535 is
GearmanWorker nobody there        0 GearmanException: Failed to set exception option 
  again, without connecting       0 true 
  enableExceptionHandler          0 GearmanException: Failed to set exception option 
do                               26 "" GearmanClient::do(): could not connect to 127.0.0.1:PORT: Connection refused
doNormal                         26 "" GearmanClient::doNormal(): could not connect to 127.0.0.1:PORT: Connection refused
doHigh                           26 "" GearmanClient::doHigh(): could not connect to 127.0.0.1:PORT: Connection refused
doLow                            26 "" GearmanClient::doLow(): could not connect to 127.0.0.1:PORT: Connection refused
doBackground                     26 "" GearmanClient::doBackground(): could not connect to 127.0.0.1:PORT: Connection refused
doHighBackground                 26 "" GearmanClient::doHighBackground(): could not connect to 127.0.0.1:PORT: Connection refused
doLowBackground                  26 "" GearmanClient::doLowBackground(): could not connect to 127.0.0.1:PORT: Connection refused
jobStatus                        26 [false,false,0,0] GearmanClient::jobStatus(): could not connect to 127.0.0.1:PORT: Connection refused
jobStatusByUniqueKey             26 [false,false,0,0] GearmanClient::jobStatusByUniqueKey(): could not connect to 127.0.0.1:PORT: Connection refused
ping                             26 false GearmanClient::ping(): could not connect to 127.0.0.1:PORT: Connection refused
wait                              7 false GearmanClient::wait(): no active file descriptors: there is nothing to wait for
runTasks                         26 false GearmanClient::runTasks(): could not connect to 127.0.0.1:PORT: Connection refused
runTasks, the task waits         26 false GearmanClient::runTasks(): could not connect to 127.0.0.1:PORT: Connection refused
work, no functions               34 false GearmanWorker::work(): no functions have been registered: call addFunction() first
work                             26 false GearmanWorker::work(): could not connect to 127.0.0.1:PORT: Connection refused
grabJob                          26 false GearmanWorker::grabJob(): could not connect to 127.0.0.1:PORT: Connection refused
ping                             26 false GearmanWorker::ping(): could not connect to 127.0.0.1:PORT: Connection refused
wait                              7 false GearmanWorker::wait(): no server is there: could not connect to 127.0.0.1:PORT: Connection refused
work, non-blocking               35 false 
grabJob, non-blocking            35 false GearmanWorker::grabJob(): no server is there: could not connect to 127.0.0.1:PORT: Connection refused
two servers: doBackground         0 "H:" 
two servers: ping                26 false GearmanClient::ping(): could not connect to 127.0.0.1:PORT: Connection refused
