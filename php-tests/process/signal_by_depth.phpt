--TEST--
Without async signals, a signal that came before work() ends it at every depth of calls
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
// PHP's stack is in pages. At an eighth of a fiber's depths, where a page was nearly full, the handler's call was not noticed, and
// work() waited on. So it was with handlers that need much room, as this one with its variables.
require __DIR__ . '/signals.inc';

$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$worker->addFunction(unique_function_name(), fn () => '');
$worker->setTimeout(500);
$variables = implode(' = ', array_map(fn ($i) => "\$v$i", range(1, 300)));
pcntl_signal(SIGTERM, eval("return function () use (&\$stop) { $variables = \$stop = true; };"));

/** Calls work() at this depth and all below. */
function at_each_depth(int $calls, GearmanWorker $worker): void
{
    global $stop, $ended, $waited;
    $stop = false;
    posix_kill(getmypid(), SIGTERM);
    $worker->work() && $stop ? $ended++ : $waited++;
    if ($calls > 1) {
        at_each_depth($calls - 1, $worker);
    }
}

$fiber = new Fiber(at_each_depth(...));
$fiber->start(200, $worker); // more than one page
echo "in a fiber: $ended ended, ", (int) $waited, " waited\n";
?>
--EXPECT--
in a fiber: 200 ended, 0 waited
