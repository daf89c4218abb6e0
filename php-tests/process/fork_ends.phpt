--TEST--
Whatever becomes of a forked child, its parent goes on with the same objects, and no descriptor is leaked
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';
ini_set('display_errors', '0');
ini_set('log_errors', '0');

$function = unique_function_name();
$serving = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn ($job) => strrev($job->workload()));
    while ($worker->work());
});
$client = new GearmanClient();
$client->addServer(HOST, PORT);
$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$own = unique_function_name('own');
$worker->addFunction($own, fn ($job) => 'own ' . $job->workload());

/** A job done, and a job served: true if both went well. */
function both_work(GearmanClient $client, GearmanWorker $worker, string $function, string $own): bool
{
    $text = bin2hex(random_bytes(4));
    $handle = $client->doBackground($own, $text);
    return $client->doNormal($function, $text) === strrev($text)
        && $worker->work()
        && wait_until(fn () => !$client->jobStatus($handle)[0])
        && $client->ping($text) && $worker->ping($text);
}
$use = fn () => both_work($client, $worker, $function, $own);
/** The same in a child, which leaves its parent's jobs alone. */
$own_in_child = function () use ($client, $worker, $function, $own) {
    $worker->unregister($own);
    $mine = unique_function_name('child');
    $worker->addFunction($mine, fn () => 'mine');
    return both_work($client, $worker, $function, $mine);
};

$kinds = [
    'end of the script, unused' => [fn () => 0, 0],
    'end of the script, used' => [fn () => $own_in_child() ? 7 : 1, 7],
    'exit()' => [fn () => $own_in_child() ? exit(3) : exit(1), 3],
    'objects let go first' => [function () {
        $GLOBALS['client'] = $GLOBALS['worker'] = null;
        gc_collect_cycles();
        return 5;
    }, 5],
    'SIGKILL, unused' => [fn () => posix_kill(getmypid(), SIGKILL), -SIGKILL],
    'SIGKILL, used' => [fn () => $own_in_child() && posix_kill(getmypid(), SIGKILL), -SIGKILL],
    'fatal error' => [fn () => $own_in_child() && @trigger_error('on purpose', E_USER_ERROR), 255],
    'uncaught exception in a destructor' => [function () use ($client) {
        $client->ping('x');
        set_exception_handler(fn () => exit(9));
        new class () {
            public function __destruct()
            {
                throw new Exception('on purpose');
            }
        };
    }, 255],
    'its own objects' => [function () use ($function) {
        $mine = new GearmanClient();
        $mine->addServer(HOST, PORT);
        return $mine->doNormal($function, 'abc') === 'cba' ? 0 : 1;
    }, 0],
];
$descriptors = fn () => count(scandir('/proc/' . getmypid() . '/fd'));
var_dump($use());
$open = $descriptors();
foreach ($kinds as $name => [$child, $code]) {
    $good = 0;
    for ($i = 0; $i < 6; $i++) {
        $pid = spawn(function () use ($child) {
            ob_start(fn () => ''); // what it says of its end
            return $child();
        });
        $meanwhile = $use();
        $ended = wait_child($pid);
        $good += $meanwhile && $ended === $code && $use();
        if ($ended !== $code) {
            echo "$name: ended with $ended\n";
        }
    }
    echo "$name: $good of 6\n";
}
echo 'after ', 6 * count($kinds), ' forks: ', $descriptors() - $open, " descriptors more\n";

// The child's own count: its parent's sockets are closed, and three of its event loop stay.
$pid = spawn(function () use ($client, $descriptors) {
    $open = $descriptors();
    $client->ping('x');
    return $descriptors() - $open;
});
echo 'a child that goes on: at most 3 more: ', var_export(wait_child($pid) <= 3, true), "\n";

// Twenty at once, all with the objects of their parent, while it uses them as well.
$children = array_map(fn () => spawn(fn () => $own_in_child() && $own_in_child() ? 0 : 1), range(1, 20));
$meanwhile = $use();
echo 'twenty at once: ', array_sum(array_map(fn ($pid) => abs(wait_child($pid)), $children)), ' failed, parent ', var_export($meanwhile && $use(), true), "\n";
stop_child($serving, SIGKILL);
?>
--EXPECT--
bool(true)
end of the script, unused: 6 of 6
end of the script, used: 6 of 6
exit(): 6 of 6
objects let go first: 6 of 6
SIGKILL, unused: 6 of 6
SIGKILL, used: 6 of 6
fatal error: 6 of 6
uncaught exception in a destructor: 6 of 6
its own objects: 6 of 6
after 54 forks: 0 descriptors more
a child that goes on: at most 3 more: true
twenty at once: 0 failed, parent true
