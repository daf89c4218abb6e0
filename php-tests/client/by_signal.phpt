--TEST--
A signal handler runs while doNormal() waits, and the result comes all the same; with STOP_WAIT_ON_SIGNAL the wait ends
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

pcntl_async_signals(true);
$parent = getmypid();
pcntl_signal(SIGUSR1, function () use (&$heard) { $heard = true; });
$function = serve(function (GearmanJob $job) use ($parent) {
    posix_kill($parent, SIGUSR1);
    if ($job->workload() === 'wait for it') {
        usleep(100000);
    }
    return 'result';
});
$client = client();
show('doNormal', $client->doNormal($function, 'wait for it'), code($client), $heard);
$heard = false;
$client->addOptions(GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL);
show('the option', (bool) ($client->options() & GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL));
$client->setTimeout(5000);
$nobody = unique_function_name();
$signals = spawn(function () use ($nobody, $parent) {
    wait_until(fn() => function_status($nobody)[0]);
    posix_kill($parent, SIGUSR1);
});
show('doNormal', $client->doNormal($nobody, 'x'), code($client), $heard);
wait_child($signals);
--EXPECT--
doNormal: 'result', SUCCESS, true
the option: true
doNormal: '', IO_WAIT, true
