--TEST--
An interrupt for which no handler runs ends no wait
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
// Profilers interrupt PHP a hundred times a second. Each time an idle work() said true, as if a handler had run. What interrupts here
// is a signal that comes in another one's handler: pcntl calls none within another.
require __DIR__ . '/signals.inc';

pcntl_async_signals(true);
pcntl_signal(SIGUSR2, fn () => null);

/** Calls it where signals interrupt and no handler runs. */
function where_none_runs(callable $call): void
{
    pcntl_signal(SIGUSR1, function () use ($call) {
        pcntl_sigprocmask(SIG_SETMASK, []);
        $call();
    });
    posix_kill(getmypid(), SIGUSR1);
}

$function = unique_function_name();
$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$worker->addFunction($function, function () use (&$jobs) { $jobs++; });
[$server, $tell] = silent_server();
$waiting = new GearmanClient();
$waiting->addServer(HOST, $server->port, false);
$waiting->addOptions(1024); // STOP_WAIT_ON_SIGNAL

// Twice, so that the first has surely been seen when the wait gets what it waits for.
$interrupted = fn (callable $then) => signal_when_asleep(SIGUSR2, 2, $then);
$submit = function () use ($function) {
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $client->doBackground($function, 'x');
};
where_none_runs(function () use ($interrupted, $submit, $worker, &$jobs) {
    $child = $interrupted($submit);
    echo 'work() ', var_export($worker->work(), true), ", $jobs job\n";
    wait_child($child);
});
where_none_runs(function () use ($interrupted, $submit, $worker, $function) {
    $child = $interrupted($submit);
    echo 'wait() ', var_export($worker->wait(), true), ', ', function_status($function)[0], " job\n";
    wait_child($child);
});
where_none_runs(function () use ($interrupted, $tell, $waiting) {
    $child = $interrupted(fn () => fwrite($tell, "\n"));
    echo 'doNormal() ', $waiting->doNormal('f', 'abc'), "\n";
    wait_child($child);
});
?>
--EXPECT--
work() true, 1 job
wait() true, 1 job
doNormal() cba
