--TEST--
Handlers that end the program while a call waits, and signals without a handler
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';
require __DIR__ . '/captured.inc';

$ends = [
    'exit(7)' => fn () => exit(7),
    'fatal error' => fn () => @trigger_error('on purpose', E_USER_ERROR),
    'uncaught' => fn () => throw new DomainException('on purpose'),
];
$calls = [
    'doNormal' => fn ($c, $w) => $c->doNormal('f', 'x'),
    'runTasks' => fn ($c, $w) => $c->addTask('f', 'x') && $c->runTasks(),
    'work' => fn ($c, $w) => $w->work(),
];
[$server] = silent_server();
$program = function (callable $call, bool $async, ?callable $handler, int $signal) use ($server) {
    $client = new GearmanClient();
    $client->addServer(HOST, $server->port, false);
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $server->port, false);
    $worker->addFunction('f', fn () => '');
    $usable = new GearmanClient();
    $usable->addServer(HOST, PORT, false);
    pcntl_async_signals($async);
    pcntl_signal($signal, $handler ?? SIG_DFL);
    register_shutdown_function(function () use ($usable, $client) {
        $client->setTimeout(20);
        echo "\n  shutdown: ", json_encode([$usable->ping('x'), @$client->ping('x'), $client->returnCode()]), "\n";
    });
    $child = signal_when_asleep($signal);
    $call($client, $worker);
    echo 'not reached';
};
foreach ([true, false] as $async) {
    foreach ($ends as $how => $end) {
        foreach ($calls as $name => $call) {
            [$code, $output] = captured(fn () => $program($call, $async, $end, SIGTERM));
            echo $async ? 'async' : 'sync', ", $how in $name: code $code\n  ", preg_replace(['/\n\n+/', '/ +$/m'], ["\n", ''], $output), "\n";
        }
    }
}
// Ctrl-C, kill, a closed terminal: the system's default, not heard by PHP, so nothing is said.
foreach ([SIGINT, SIGTERM, SIGHUP, SIGALRM] as $signal) {
    foreach ($calls as $name => $call) {
        [$code, $output] = captured(fn () => $program($call, true, null, $signal));
        echo "signal $signal in $name: code $code$output\n";
    }
}
// The timer of max_execution_time counts CPU time, so its signal is sent by hand.
[$code, $output] = captured(function () use ($program, $calls) {
    set_time_limit(5);
    $child = signal_when_asleep(SIGPROF);
    $client = new GearmanClient();
    $client->addServer(HOST, PORT, false);
    $client->doNormal(unique_function_name(), 'x');
});
echo "time limit: code $code\n  $output\n";
?>
--EXPECT--
async, exit(7) in doNormal: code 7
  shutdown: [true,false,47]
async, exit(7) in runTasks: code 7
  shutdown: [true,false,47]
async, exit(7) in work: code 7
  shutdown: [true,false,47]
async, fatal error in doNormal: code 255
  Fatal error: on purpose
  shutdown: [true,false,47]
async, fatal error in runTasks: code 255
  Fatal error: on purpose
  shutdown: [true,false,47]
async, fatal error in work: code 255
  Fatal error: on purpose
  shutdown: [true,false,47]
async, uncaught in doNormal: code 255
  Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: [true,false,47]
async, uncaught in runTasks: code 255
  Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: [true,false,47]
async, uncaught in work: code 255
  Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: [true,false,47]
sync, exit(7) in doNormal: code 7
  shutdown: [true,false,47]
sync, exit(7) in runTasks: code 7
  shutdown: [true,false,47]
sync, exit(7) in work: code 7
  shutdown: [true,false,47]
sync, fatal error in doNormal: code 255
  Fatal error: on purpose
  shutdown: [true,false,47]
sync, fatal error in runTasks: code 255
  Fatal error: on purpose
  shutdown: [true,false,47]
sync, fatal error in work: code 255
  Fatal error: on purpose
  shutdown: [true,false,47]
sync, uncaught in doNormal: code 255
  Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: [true,false,47]
sync, uncaught in runTasks: code 255
  Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: [true,false,47]
sync, uncaught in work: code 255
  Fatal error: Uncaught DomainException: on purpose
  thrown
  shutdown: [true,false,47]
signal 2 in doNormal: code -2
signal 2 in runTasks: code -2
signal 2 in work: code -2
signal 15 in doNormal: code -15
signal 15 in runTasks: code -15
signal 15 in work: code -15
signal 1 in doNormal: code -1
signal 1 in runTasks: code -1
signal 1 in work: code -1
signal 14 in doNormal: code -14
signal 14 in runTasks: code -14
signal 14 in work: code -14
time limit: code 255
  Fatal error: Maximum execution time of 5 seconds exceeded
