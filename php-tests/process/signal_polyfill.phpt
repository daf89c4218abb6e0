--TEST--
A pcntl_signal_dispatch() of the program's own is not taken for pcntl's
--EXTENSIONS--
pcntl
--INI--
disable_functions=pcntl_signal_dispatch
--FILE--
<?php
require __DIR__ . '/../api.inc';

// As programs define it for images without pcntl. work() called it, held it for a signal's handler that had run, and came back
// with true, each time and without a job.
function pcntl_signal_dispatch(): bool
{
    return array_sum(array_map(fn(int $n) => $n, range(1, 3))) === 6;
}

$function = unique_function_name();
client()->doBackground($function, 'x');
$worker = worker([$function => function () { echo "ran\n"; }]);
show('work', $worker->work(), code($worker));
--EXPECT--
ran
work: true, SUCCESS
