--TEST--
After every call that fails, by method or by function, returnCode(), error() and the warning say the same
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* work() with a job for a function that was only register()ed warned and had a code, but error() was empty; refused callables,
   ids and keys left returnCode() as it was, so that it read as success. */
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

/** Calls both ways, each on a fresh object; shows the outcome once, and where something does not agree. */
function fails(string $what, callable $make, string $method, mixed ...$arguments): void
{
    $lines = [];
    foreach (['method', 'function'] as $way) {
        $object = $make();
        $class = strstr(get_class($object) . '@', '@', true);
        $class = get_parent_class($object) ?: $class;
        $function = strtolower(substr_replace($class, '_', 7, 0)) . '_' . strtolower(preg_replace('/(?<=[a-z])[A-Z]/', '_$0', $method));
        if ($way === 'function' && !function_exists($function)) {
            continue;
        }
        $warnings = [];
        set_error_handler(function ($level, $text) use (&$warnings) {
            error_reporting() & $level && $warnings[] = $text;
            return true;
        });
        try {
            $value = $way === 'method' ? $object->$method(...$arguments) : $function($object, ...$arguments);
        } catch (Throwable $e) {
            $value = $e;
        }
        restore_error_handler();
        $code = code_of($object->returnCode());
        $text = $object instanceof GearmanJob ? null : $object->error();
        // Ports, times, handles and resolvers differ.
        $tidy = fn(string $text) => preg_replace(
            ['/:\d{4,5}\b/', '~tls://~', '/\b\d+ ms/', '/5\d\d\d bytes/', '/test_[0-9a-f]{16}/', '/(invalid:1: |local host:4730: |local host:PORT: ).*/'],
            [':PORT', '', 'N ms', 'N bytes', 'NAME', '$1…'],
            $text,
        );
        $line = "$what: " . short($value instanceof Throwable ? 'throws ' . get_class($value) : $value) . ", $code";
        $line .= $text === null ? '' : ', ' . ($text === false ? 'false' : $tidy($text));
        $name = $way === 'method' ? "$class::$method(): " : "$function(): ";
        foreach ($warnings as $warning) {
            $said = str_starts_with($warning, $name) ? substr($warning, strlen($name)) : "BADLY NAMED $warning";
            $line .= match (true) {
                $text === null => ', warning: ' . $tidy($said),
                $text === "$code: $said" => ', warning',
                str_starts_with($text, 'an unknown code: ') && str_ends_with($text, $said) => ', warning',
                default => ", ANOTHER WARNING $said",
            };
        }
        if (count($warnings) > 1) {
            $line .= ', SEVERAL WARNINGS';
        }
        if ($object->returnCode() === GEARMAN_SUCCESS || $text === false || $text === '') {
            $line .= ', NOT TOLD';
        }
        $lines[$way] = $line;
    }
    echo $lines['method'], "\n";
    isset($lines['function']) && $lines['function'] !== $lines['method'] && print("  BY FUNCTION $lines[function]\n");
}

$served = serve_all([
    ($fails = unique_function_name()) => fn($job) => $job->sendFail(),
    ($throws = unique_function_name()) => fn($job) => throw new Exception('text'),
    ($large = unique_function_name()) => fn($job) => str_repeat('x', 5000),
    ($echo = unique_function_name()) => fn($job) => $job->workload(),
]);
$nobody = unique_function_name();
$dead_port = free_port();

echo "-- the first that was found\n";
fails('work, registered only', function () {
    $worker = worker();
    $worker->register($name = unique_function_name());
    client()->doBackground($name, 'x');
    return $worker;
}, 'work');

$do = ['doNormal', 'doHigh', 'doLow', 'do', 'doBackground', 'doHighBackground', 'doLowBackground'];
$add = ['addTask', 'addTaskHigh', 'addTaskLow', 'addTaskBackground', 'addTaskHighBackground', 'addTaskLowBackground'];
/** A client with a task that waits to be run. */
$with_task = fn(GearmanClient $client, string $name) => ($client->addTask($name, 'x') ? $client : null);

echo "-- arguments of a client\n";
foreach ([...$do, ...$add] as $method) {
    fails("$method, no workload", client(...), $method, $echo, '');
    fails("$method, no function", client(...), $method, '', 'x');
}
foreach (['doNormal', 'doBackground'] as $method) {
    fails("$method, long function", client(...), $method, str_repeat('f', 513), 'x');
    fails("$method, NUL in function", client(...), $method, "f\0", 'x');
    fails("$method, long key", client(...), $method, $echo, 'x', str_repeat('k', 65));
    fails("$method, NUL in key", client(...), $method, $echo, 'x', "k\0");
}
fails('addTask, long key', client(...), 'addTask', $echo, 'x', null, str_repeat('k', 65));
fails('addTaskStatus, NUL', client(...), 'addTaskStatus', "H\0");
fails('jobStatus, NUL', client(...), 'jobStatus', "H\0");
fails('jobStatusByUniqueKey, long key', client(...), 'jobStatusByUniqueKey', str_repeat('k', 65));
fails('jobStatusByUniqueKey, NUL', client(...), 'jobStatusByUniqueKey', "k\0");
fails('ping, nothing', client(...), 'ping', '');
/** As fails(), but for a debug PHP, which ends where what is not callable is given for a callable. */
$not_callable = fn(string $line, ...$arguments) => PHP_DEBUG ? print("$line\n") : fails(...$arguments);
foreach (['Workload', 'Created', 'Data', 'Warning', 'Status', 'Complete', 'Exception', 'Fail'] as $kind) {
    $method = "set{$kind}Callback";
    $line = "$method: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning";
    $not_callable($line, $method, client(...), $method, 'no_such_function');
}

echo "-- servers\n";
foreach (['GearmanClient', 'GearmanWorker'] as $class) {
    $new = fn() => new $class();
    fails("$class::addServer, unknown", $new, 'addServer', 'no-such-host.invalid', 1);
    fails("$class::addServer, port", $new, 'addServer', HOST, 70000);
    fails("$class::addServer, NUL", $new, 'addServer', "local\0host");
    fails("$class::addServer, no text", $new, 'addServer', "\xff");
    fails("$class::addServers, port", $new, 'addServers', 'localhost:x');
    fails("$class::addServers, blank", $new, 'addServers', 'localhost,local host');
    fails("$class::ping, none", $new, 'ping', 'x');
    fails("$class::wait, none", $new, 'wait');
}

echo "-- a client without servers\n";
$new = fn() => new GearmanClient();
foreach ($do as $method) {
    fails($method, $new, $method, $echo, 'x');
}
fails('runTasks', fn() => $with_task($new(), $echo), 'runTasks');
fails('jobStatus', $new, 'jobStatus', 'H:x:1');
fails('jobStatusByUniqueKey', $new, 'jobStatusByUniqueKey', 'key');

echo "-- a client whose server is down\n";
$down = function () use ($dead_port) {
    $client = new GearmanClient();
    $client->addServer(HOST, $dead_port, false);
    return $client;
};
foreach (['doNormal', 'doBackground'] as $method) {
    fails($method, $down, $method, $echo, 'x');
}
fails('runTasks', fn() => $with_task($down(), $echo), 'runTasks');
fails('jobStatus', $down, 'jobStatus', 'H:x:1');
fails('jobStatusByUniqueKey', $down, 'jobStatusByUniqueKey', 'key');
fails('ping', $down, 'ping', 'x');

echo "-- jobs\n";
fails('doNormal, failed', client(...), 'doNormal', $fails, 'x');
fails('doLow, threw', client(...), 'doLow', $throws, 'x');
/** Connected, and with time enough for JOB_CREATED: what it waits for in vain is the result. */
$impatient = function () {
    $client = client();
    $client->ping('x');
    $client->setTimeout(1000);
    return $client;
};
fails('doNormal, timeout', $impatient, 'doNormal', $nobody, 'x');
fails('runTasks, timeout', fn() => $with_task($impatient(), $nobody), 'runTasks');
fails('wait, timeout', function () use ($with_task, $nobody) {
    $client = $with_task(client(), $nobody);
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
    $client->runTasks();
    $client->wait(); // for the news that it was created
    $client->runTasks();
    $client->setTimeout(20);
    return $client;
}, 'wait');
ini_set('gearman.max_packet_size', '4096');
fails('doNormal, too large', client(...), 'doNormal', $large, 'x');
fails('runTasks, too large', fn() => $with_task(client(), $large), 'runTasks');
ini_restore('gearman.max_packet_size');
foreach ([GEARMAN_WORK_ERROR, GEARMAN_TIMEOUT, 1000, -1] as $code) {
    fails("runTasks, callback returns $code", function () use ($with_task, $echo, $code) {
        $client = client();
        $client->setCompleteCallback(fn() => $code);
        return $with_task($client, $echo);
    }, 'runTasks');
}

echo "-- servers that refuse, close and lie\n";
foreach ([
    'refuses' => fn(FakePeer $peer) => [$peer->read(), $peer->res(19, 'QUEUE_ERROR', 'Job queue is full'), $peer->read()],
    'refuses in its own words' => fn(FakePeer $peer) => [$peer->read(), $peer->res(19, 'ERR_OWN', "so\0there"), $peer->read()],
    'closes' => fn(FakePeer $peer) => $peer->read(),
    'lies' => fn(FakePeer $peer) => [$peer->read(), $peer->res(6), $peer->read()],
    'answers something else' => fn(FakePeer $peer) => [$peer->read(), $peer->res(17, 'other data'), $peer->read()],
] as $what => $serve) {
    $fake = fake_server($serve);
    $odd = function () use ($fake) {
        $client = new GearmanClient();
        $client->addServer(HOST, $fake->port, false);
        $client->setTimeout(10000);
        return $client;
    };
    fails("$what, doNormal", $odd, 'doNormal', 'f', 'x');
    fails("$what, doBackground", $odd, 'doBackground', 'f', 'x');
    fails("$what, runTasks", fn() => $with_task($odd(), 'f'), 'runTasks');
    fails("$what, jobStatus", $odd, 'jobStatus', 'H:x:1');
    fails("$what, jobStatusByUniqueKey", $odd, 'jobStatusByUniqueKey', 'key');
    fails("$what, jobStatusByUniqueKey, 64 bytes", $odd, 'jobStatusByUniqueKey', str_repeat('k', 64));
    fails("$what, ping", $odd, 'ping', 'x');
    unset($fake);
}

echo "-- arguments of a worker\n";
$f = fn() => '';
fails('addFunction, no name', worker(...), 'addFunction', '', $f);
fails('addFunction, long name', worker(...), 'addFunction', str_repeat('f', 513), $f);
fails('addFunction, NUL', worker(...), 'addFunction', "f\0", $f);
fails('addFunction, no string', worker(...), 'addFunction', 5, $f);
$line = 'addFunction, not callable: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function f is not callable, warning';
$not_callable($line, 'addFunction, not callable', worker(...), 'addFunction', 'f', 'no_such_function');
fails('register, no name', worker(...), 'register', '');
fails('register, long name', worker(...), 'register', str_repeat('f', 513));
fails('unregister, unknown', worker(...), 'unregister', 'f');
fails('unregisterAll, none', worker(...), 'unregisterAll');
fails('setId, empty', worker(...), 'setId', '');
fails('setId, blank', worker(...), 'setId', 'two words');
fails('ping, nothing', worker(...), 'ping', '');

echo "-- a worker without jobs\n";
$new = function () use ($f) {
    $worker = new GearmanWorker();
    $worker->addFunction('f', $f);
    return $worker;
};
fails('work, no servers', $new, 'work');
fails('grabJob, no servers', $new, 'grabJob');
fails('work, no functions', worker(...), 'work');
fails('grabJob, no functions', worker(...), 'grabJob');
fails('wait, no functions', worker(...), 'wait');
$down = function () use ($new, $dead_port) {
    $worker = $new();
    $worker->addServer(HOST, $dead_port, false);
    return $worker;
};
fails('work, server down', $down, 'work');
fails('grabJob, server down', $down, 'grabJob');
fails('ping, server down', $down, 'ping', 'x');
$idle = function () use ($nobody, $f) {
    $worker = worker([unique_function_name() => $f]);
    $worker->setTimeout(20);
    return $worker;
};
fails('work, timeout', $idle, 'work');
fails('wait, timeout', $idle, 'wait');
// Without a timeout: for the answer that there is none.
fails('grabJob, none', fn() => worker([unique_function_name() => $f]), 'grabJob');
fails('work, timeout 0', function () use ($idle) {
    $worker = $idle();
    $worker->setTimeout(0);
    return $worker;
}, 'work');

echo "-- a worker whose function ends badly\n";
foreach ([
    'WORK_FAIL' => fn($job) => $job->setReturn(GEARMAN_WORK_FAIL),
    'ERRNO' => fn($job) => $job->setReturn(GEARMAN_ERRNO),
    'SHUTDOWN' => fn($job) => $job->setReturn(GEARMAN_SHUTDOWN),
    'a send that fails' => fn($job) => @$job->sendException(''),
    'a status that cannot be sent' => fn($job) => @$job->sendStatus(-1, 2),
    'throws' => fn($job) => throw new Exception('text'),
] as $what => $function) {
    fails("work, $what", function () use ($function) {
        $worker = worker([$name = unique_function_name() => $function]);
        client()->doBackground($name, 'x');
        return $worker;
    }, 'work');
}

echo "-- a signal ends the wait\n";
pcntl_async_signals(true);
pcntl_signal(SIGALRM, fn() => null);
/** As fails(), of a call that waits while signals come. */
$interrupted = function (string $what, callable $make, int $option, string $method, mixed ...$arguments) {
    $parent = getmypid();
    $pid = spawn(function () use ($parent) {
        while (posix_getppid() === $parent) {
            posix_kill($parent, SIGALRM);
            usleep(5000);
        }
    }, clean: false);
    fails($what, function () use ($make, $option) {
        $object = $make();
        $object->setTimeout(10000);
        $object->addOptions($option);
        return $object;
    }, $method, ...$arguments);
    stop_child($pid, SIGKILL);
};
$interrupted('doNormal', client(...), GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL, 'doNormal', $nobody, 'x');
$interrupted('runTasks', fn() => $with_task(client(), $nobody), GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL, 'runTasks');
$interrupted('work', $idle, GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL, 'work');
$interrupted('wait', $idle, GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL, 'wait');
pcntl_signal(SIGALRM, SIG_IGN);

echo "-- a job\n";
$job = fn() => new GearmanJob();
foreach (['sendComplete' => ['x'], 'sendException' => ['x'], 'sendFail' => [], 'sendStatus' => [1, 2], 'sendData' => ['x'], 'sendWarning' => ['x']] as $method => $arguments) {
    fails("$method, no job", $job, $method, ...$arguments);
}
fails('sendException, empty', $job, 'sendException', '');
fails('sendStatus, negative', $job, 'sendStatus', 1, -1);
fails('setReturn, no code: the job goes on as it was', $job, 'setReturn', 99);
$late = function () {
    $worker = worker([$name = unique_function_name() => fn($job) => '']);
    client()->doBackground($name, 'x');
    return $worker->grabJob(); // its worker is gone with this function
};
fails('sendComplete, worker gone', $late, 'sendComplete', 'x');
fails('sendData, worker gone', $late, 'sendData', 'x');
--EXPECT--
-- the first that was found
work, registered only: false, INVALID_FUNCTION_NAME, INVALID_FUNCTION_NAME: NAME: a job for it came, and it is registered without a callable: use addFunction(), warning
-- arguments of a client
doNormal, no workload: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
doNormal, no function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
doHigh, no workload: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
doHigh, no function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
doLow, no workload: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
doLow, no function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
do, no workload: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
do, no function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
doBackground, no workload: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
doBackground, no function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
doHighBackground, no workload: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
doHighBackground, no function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
doLowBackground, no workload: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
doLowBackground, no function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
addTask, no workload: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
addTask, no function: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
addTaskHigh, no workload: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
addTaskHigh, no function: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
addTaskLow, no workload: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
addTaskLow, no function: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
addTaskBackground, no workload: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
addTaskBackground, no function: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
addTaskHighBackground, no workload: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
addTaskHighBackground, no function: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
addTaskLowBackground, no workload: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the workload is empty: Gearman jobs need at least one byte, warning
addTaskLowBackground, no function: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
doNormal, long function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is longer than 512 bytes, warning
doNormal, NUL in function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: a function name holds no NUL bytes, warning
doNormal, long key: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the unique key is longer than 64 bytes, warning
doNormal, NUL in key: '', INVALID_ARGUMENT, INVALID_ARGUMENT: a unique key holds no NUL bytes, warning
doBackground, long function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is longer than 512 bytes, warning
doBackground, NUL in function: '', INVALID_ARGUMENT, INVALID_ARGUMENT: a function name holds no NUL bytes, warning
doBackground, long key: '', INVALID_ARGUMENT, INVALID_ARGUMENT: the unique key is longer than 64 bytes, warning
doBackground, NUL in key: '', INVALID_ARGUMENT, INVALID_ARGUMENT: a unique key holds no NUL bytes, warning
addTask, long key: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the unique key is longer than 64 bytes, warning
addTaskStatus, NUL: false, INVALID_ARGUMENT, INVALID_ARGUMENT: a job handle holds no NUL bytes, warning
jobStatus, NUL: [false, false, 0, 0], INVALID_ARGUMENT, INVALID_ARGUMENT: a job handle holds no NUL bytes, warning
jobStatusByUniqueKey, long key: [false, false, 0, 0], INVALID_ARGUMENT, INVALID_ARGUMENT: the unique key is longer than 64 bytes, warning
jobStatusByUniqueKey, NUL: [false, false, 0, 0], INVALID_ARGUMENT, INVALID_ARGUMENT: a unique key holds no NUL bytes, warning
ping, nothing: false, INVALID_ARGUMENT, INVALID_ARGUMENT: there is nothing to echo: the data is empty, warning
setWorkloadCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
setCreatedCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
setDataCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
setWarningCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
setStatusCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
setCompleteCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
setExceptionCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
setFailCallback: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function is not callable, warning
-- servers
GearmanClient::addServer, unknown: false, GETADDRINFO, GETADDRINFO: could not resolve no-such-host.invalid:1: …, warning
GearmanClient::addServer, port: false, GETADDRINFO, GETADDRINFO: could not resolve 127.0.0.1:PORT: the port must be between 0 and 65535, warning
GearmanClient::addServer, NUL: false, GETADDRINFO, GETADDRINFO: could not resolve local\0host:0: a host name holds no NUL, warning
GearmanClient::addServer, no text: false, GETADDRINFO, GETADDRINFO: could not resolve �:0: the name of a host is text, warning
GearmanClient::addServers, port: false, GETADDRINFO, GETADDRINFO: could not resolve localhost:x: "x" is no port, a number from 1 to 65535 is, warning
GearmanClient::addServers, blank: false, GETADDRINFO, GETADDRINFO: could not resolve local host:PORT: …, warning
GearmanClient::ping, none: false, NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
GearmanClient::wait, none: false, NO_ACTIVE_FDS, NO_ACTIVE_FDS: no active file descriptors: there is nothing to wait for, warning
GearmanWorker::addServer, unknown: false, GETADDRINFO, GETADDRINFO: could not resolve no-such-host.invalid:1: …, warning
GearmanWorker::addServer, port: false, GETADDRINFO, GETADDRINFO: could not resolve 127.0.0.1:PORT: the port must be between 0 and 65535, warning
GearmanWorker::addServer, NUL: false, GETADDRINFO, GETADDRINFO: could not resolve local\0host:0: a host name holds no NUL, warning
GearmanWorker::addServer, no text: false, GETADDRINFO, GETADDRINFO: could not resolve �:0: the name of a host is text, warning
GearmanWorker::addServers, port: false, GETADDRINFO, GETADDRINFO: could not resolve localhost:x: "x" is no port, a number from 1 to 65535 is, warning
GearmanWorker::addServers, blank: false, GETADDRINFO, GETADDRINFO: could not resolve local host:PORT: …, warning
GearmanWorker::ping, none: false, NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
GearmanWorker::wait, none: false, NO_ACTIVE_FDS, NO_ACTIVE_FDS: no active file descriptors: there is nothing to wait for, warning
-- a client without servers
doNormal: '', NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
doHigh: '', NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
doLow: '', NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
do: '', NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
doBackground: '', NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
doHighBackground: '', NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
doLowBackground: '', NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
runTasks: false, NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
jobStatus: [false, false, 0, 0], NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
jobStatusByUniqueKey: [false, false, 0, 0], NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
-- a client whose server is down
doNormal: '', COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
doBackground: '', COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
runTasks: false, COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
jobStatus: [false, false, 0, 0], COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
jobStatusByUniqueKey: [false, false, 0, 0], COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
ping: false, COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
-- jobs
doNormal, failed: '', WORK_FAIL, WORK_FAIL: the job failed
doLow, threw: '', WORK_EXCEPTION, WORK_EXCEPTION: the job ended by an exception
doNormal, timeout: '', TIMEOUT, TIMEOUT: timeout reached, nothing was heard from 127.0.0.1:PORT for N ms, warning
runTasks, timeout: false, TIMEOUT, TIMEOUT: timeout reached, nothing was heard from 127.0.0.1:PORT for N ms, warning
wait, timeout: false, TIMEOUT, TIMEOUT: timeout reached, nothing was heard from 127.0.0.1:PORT for N ms
doNormal, too large: '', DATA_TOO_LARGE, DATA_TOO_LARGE: a packet of N bytes from 127.0.0.1:PORT exceeds the limit of 4096 bytes, warning
runTasks, too large: false, DATA_TOO_LARGE, DATA_TOO_LARGE: a packet of N bytes from 127.0.0.1:PORT exceeds the limit of 4096 bytes, warning
runTasks, callback returns 19: false, WORK_ERROR, WORK_ERROR: a callback returned 19, warning
runTasks, callback returns 47: false, TIMEOUT, TIMEOUT: a callback returned 47, warning
runTasks, callback returns 1000: false, code 1000, an unknown code: a callback returned 1000, warning
runTasks, callback returns -1: false, code -1, an unknown code: a callback returned -1, warning
-- servers that refuse, close and lie
refuses, doNormal: '', QUEUE_ERROR, QUEUE_ERROR: server 127.0.0.1:PORT refused: Job queue is full (QUEUE_ERROR), warning
refuses, doBackground: '', QUEUE_ERROR, QUEUE_ERROR: server 127.0.0.1:PORT refused: Job queue is full (QUEUE_ERROR), warning
refuses, runTasks: false, QUEUE_ERROR, QUEUE_ERROR: server 127.0.0.1:PORT refused: Job queue is full (QUEUE_ERROR), warning
refuses, jobStatus: [false, false, 0, 0], QUEUE_ERROR, QUEUE_ERROR: server 127.0.0.1:PORT refused: Job queue is full (QUEUE_ERROR), warning
refuses, jobStatusByUniqueKey: [false, false, 0, 0], QUEUE_ERROR, QUEUE_ERROR: server 127.0.0.1:PORT refused: Job queue is full (QUEUE_ERROR), warning
refuses, jobStatusByUniqueKey, 64 bytes: [false, false, 0, 0], INVALID_ARGUMENT, INVALID_ARGUMENT: this server can be asked about unique keys of at most 63 bytes: to one of 64 it would not answer, warning
refuses, ping: false, QUEUE_ERROR, QUEUE_ERROR: server 127.0.0.1:PORT refused: Job queue is full (QUEUE_ERROR), warning
refuses in its own words, doNormal: '', SERVER_ERROR, SERVER_ERROR: server 127.0.0.1:PORT refused: so\0there (ERR_OWN), warning
refuses in its own words, doBackground: '', SERVER_ERROR, SERVER_ERROR: server 127.0.0.1:PORT refused: so\0there (ERR_OWN), warning
refuses in its own words, runTasks: false, SERVER_ERROR, SERVER_ERROR: server 127.0.0.1:PORT refused: so\0there (ERR_OWN), warning
refuses in its own words, jobStatus: [false, false, 0, 0], SERVER_ERROR, SERVER_ERROR: server 127.0.0.1:PORT refused: so\0there (ERR_OWN), warning
refuses in its own words, jobStatusByUniqueKey: [false, false, 0, 0], SERVER_ERROR, SERVER_ERROR: server 127.0.0.1:PORT refused: so\0there (ERR_OWN), warning
refuses in its own words, jobStatusByUniqueKey, 64 bytes: [false, false, 0, 0], INVALID_ARGUMENT, INVALID_ARGUMENT: this server can be asked about unique keys of at most 63 bytes: to one of 64 it would not answer, warning
refuses in its own words, ping: false, SERVER_ERROR, SERVER_ERROR: server 127.0.0.1:PORT refused: so\0there (ERR_OWN), warning
closes, doNormal: '', LOST_CONNECTION, LOST_CONNECTION: lost connection to 127.0.0.1:PORT: the server closed the connection, warning
closes, doBackground: '', LOST_CONNECTION, LOST_CONNECTION: lost connection to 127.0.0.1:PORT: the server closed the connection, warning
closes, runTasks: false, LOST_CONNECTION, LOST_CONNECTION: lost connection to 127.0.0.1:PORT: the server closed the connection, warning
closes, jobStatus: [false, false, 0, 0], LOST_CONNECTION, LOST_CONNECTION: lost connection to 127.0.0.1:PORT: the server closed the connection, warning
closes, jobStatusByUniqueKey: [false, false, 0, 0], LOST_CONNECTION, LOST_CONNECTION: lost connection to 127.0.0.1:PORT: the server closed the connection, warning
closes, jobStatusByUniqueKey, 64 bytes: [false, false, 0, 0], LOST_CONNECTION, LOST_CONNECTION: lost connection to 127.0.0.1:PORT: the server closed the connection, warning
closes, ping: false, LOST_CONNECTION, LOST_CONNECTION: lost connection to 127.0.0.1:PORT: the server closed the connection, warning
lies, doNormal: '', UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: the server sent a client what only workers get, warning
lies, doBackground: '', UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: the server sent a client what only workers get, warning
lies, runTasks: false, UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: the server sent a client what only workers get, warning
lies, jobStatus: [false, false, 0, 0], UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: the server sent a client what only workers get, warning
lies, jobStatusByUniqueKey: [false, false, 0, 0], UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: the server sent a client what only workers get, warning
lies, jobStatusByUniqueKey, 64 bytes: [false, false, 0, 0], UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: the server sent a client what only workers get, warning
lies, ping: false, UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: the server sent a client what only workers get, warning
answers something else, doNormal: '', UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: ECHO_RES where another answer was due, warning
answers something else, doBackground: '', UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: ECHO_RES where another answer was due, warning
answers something else, runTasks: false, UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: ECHO_RES where another answer was due, warning
answers something else, jobStatus: [false, false, 0, 0], UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: ECHO_RES where another answer was due, warning
answers something else, jobStatusByUniqueKey: [false, false, 0, 0], UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: ECHO_RES where another answer was due, warning
answers something else, jobStatusByUniqueKey, 64 bytes: [false, false, 0, 0], UNEXPECTED_PACKET, UNEXPECTED_PACKET: protocol error: 127.0.0.1:PORT: ECHO_RES where another answer was due, warning
answers something else, ping: false, ECHO_DATA_CORRUPTION, ECHO_DATA_CORRUPTION: a server answered an echo with other data, warning
-- arguments of a worker
addFunction, no name: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
addFunction, long name: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is longer than 512 bytes, warning
addFunction, NUL: false, INVALID_ARGUMENT, INVALID_ARGUMENT: a function name holds no NUL bytes, warning
addFunction, no string: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function's name must be a string, warning
addFunction, not callable: false, INVALID_ARGUMENT, INVALID_ARGUMENT: function f is not callable, warning
register, no name: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is empty, warning
register, long name: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function name is longer than 512 bytes, warning
unregister, unknown: false, NO_REGISTERED_FUNCTION, NO_REGISTERED_FUNCTION: function is not registered, warning
unregisterAll, none: false, NO_REGISTERED_FUNCTIONS, NO_REGISTERED_FUNCTIONS: no functions have been registered: call addFunction() first, warning
setId, empty: false, INVALID_ARGUMENT, INVALID_ARGUMENT: an id is 1 to 254 printable characters without blanks
setId, blank: false, INVALID_ARGUMENT, INVALID_ARGUMENT: an id is 1 to 254 printable characters without blanks
ping, nothing: false, INVALID_ARGUMENT, INVALID_ARGUMENT: there is nothing to echo: the data is empty, warning
-- a worker without jobs
work, no servers: false, NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
grabJob, no servers: false, NO_SERVERS, NO_SERVERS: no servers have been added: call addServer() first, warning
work, no functions: false, NO_REGISTERED_FUNCTIONS, NO_REGISTERED_FUNCTIONS: no functions have been registered: call addFunction() first, warning
grabJob, no functions: false, NO_REGISTERED_FUNCTIONS, NO_REGISTERED_FUNCTIONS: no functions have been registered: call addFunction() first, warning
wait, no functions: false, NO_ACTIVE_FDS, NO_ACTIVE_FDS: no active file descriptors: there is nothing to wait for, warning
work, server down: false, COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
grabJob, server down: false, COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
ping, server down: false, COULD_NOT_CONNECT, COULD_NOT_CONNECT: could not connect to 127.0.0.1:PORT: Connection refused, warning
work, timeout: false, TIMEOUT, TIMEOUT: timeout reached, nothing was heard from 127.0.0.1:PORT for N ms
wait, timeout: false, TIMEOUT, TIMEOUT: timeout reached, nothing was heard from 127.0.0.1:PORT for N ms
grabJob, none: false, NO_JOBS, NO_JOBS: no jobs, warning
work, timeout 0: false, TIMEOUT, TIMEOUT: timeout reached, nothing was heard from 127.0.0.1:PORT for N ms
-- a worker whose function ends badly
work, WORK_FAIL: false, WORK_FAIL, WORK_FAIL: the function ended the job with this code
work, ERRNO: false, ERRNO, ERRNO: the function ended the job with this code, warning
work, SHUTDOWN: false, SHUTDOWN, SHUTDOWN: the function ended the job with this code, warning
work, a send that fails: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function ended the job with this code, warning
work, a status that cannot be sent: false, INVALID_ARGUMENT, INVALID_ARGUMENT: the function ended the job with this code, warning
work, throws: 'throws Exception', WORK_EXCEPTION, WORK_EXCEPTION: the function threw
-- a signal ends the wait
doNormal: '', IO_WAIT, IO_WAIT: a signal was handled
runTasks: false, IO_WAIT, IO_WAIT: a signal was handled
work: false, IO_WAIT, IO_WAIT: a signal was handled
wait: false, IO_WAIT, IO_WAIT: a signal was handled
-- a job
sendComplete, no job: false, INVALID_ARGUMENT, warning: the job cannot be answered: its worker is gone, or it was never given to one
sendException, no job: false, INVALID_ARGUMENT, warning: the job cannot be answered: its worker is gone, or it was never given to one
sendFail, no job: false, INVALID_ARGUMENT, warning: the job cannot be answered: its worker is gone, or it was never given to one
sendStatus, no job: false, INVALID_ARGUMENT, warning: the job cannot be answered: its worker is gone, or it was never given to one
sendData, no job: false, INVALID_ARGUMENT
sendWarning, no job: false, INVALID_ARGUMENT
sendException, empty: false, INVALID_ARGUMENT, warning: the text of an exception must not be empty
sendStatus, negative: false, INVALID_ARGUMENT, warning: -1 cannot be sent as a status: numbers from 0 to 4294967295 can
setReturn, no code: the job goes on as it was: false, SUCCESS, warning: 99 is no return code: those are 0 to 53, NOT TOLD
sendComplete, worker gone: false, INVALID_ARGUMENT, warning: the job cannot be answered: its worker is gone, or it was never given to one
sendData, worker gone: false, INVALID_ARGUMENT, warning: the job cannot be answered: its worker is gone, or it was never given to one
