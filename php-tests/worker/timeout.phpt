--TEST--
The timeout of work(): false and TIMEOUT without a warning; it does not limit a running function
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = client();
$worker = worker([$function = unique_function_name() => function () {
    usleep(300_000);
    echo "done\n";
}]);
foreach ([20, 1, 0] as $milliseconds) {
    $worker->setTimeout($milliseconds);
    show("$milliseconds ms", $worker->work(), code($worker), (string) $worker->error() !== '', $worker->getErrno());
}
$worker->setTimeout(250);
$client->doBackground($function, 'x');
show('a job that runs longer', $worker->work(), code($worker));
show('none', $worker->work(), code($worker));
// A job is found with a timeout of 0 as well, if not in the first try.
$worker->setTimeout(0);
$client->doBackground($function, 'x');
show('timeout 0', wait_until(fn() => $worker->work()), code($worker));
--EXPECT--
20 ms: false, TIMEOUT, true, 0
1 ms: false, TIMEOUT, true, 0
0 ms: false, TIMEOUT, true, 0
done
a job that runs longer: true, SUCCESS
none: false, TIMEOUT
done
timeout 0: true, SUCCESS
