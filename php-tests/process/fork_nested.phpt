--TEST--
Children of children, each with the objects made at the top, used before, between and after
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$function = unique_function_name();
$serving = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn ($job) => strrev($job->workload()));
    while ($worker->work());
});
$client = new GearmanClient();
$client->addServer(HOST, PORT);
$use = function () use ($client, $function) {
    $text = bin2hex(random_bytes(4));
    return $client->doNormal($function, $text) === strrev($text);
};
$deep = function (int $depth, bool $use_between) use (&$deep, $use): bool {
    if ($depth === 0) {
        return $use();
    }
    $good = !$use_between || $use();
    $child = spawn(fn () => $deep($depth - 1, $use_between) ? 0 : 1);
    $good = (!$use_between || $use()) && $good;
    return wait_child($child) === 0 && $use() && $good;
};
foreach ([true, false] as $use_between) {
    $good = 0;
    for ($i = 0; $i < 5; $i++) {
        $good += $deep(5, $use_between);
    }
    echo "five generations, ", $use_between ? 'each uses it' : 'used on the way back', ": $good of 5\n";
}

// The middle one is gone when the last one begins.
[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$middle = spawn(function () use ($use, $theirs) {
    $use();
    $parent = getmypid();
    spawn(function () use ($use, $theirs, $parent) {
        wait_until(fn () => posix_getppid() !== $parent, 10, 'an orphan');
        fwrite($theirs, $use() ? "orphan: good\n" : "orphan: bad\n");
    }, clean: false);
    posix_kill(getmypid(), SIGKILL);
});
echo wait_child($middle), ' ', fgets($ours);
var_dump($use());
stop_child($serving, SIGKILL);
?>
--EXPECT--
five generations, each uses it: 5 of 5
five generations, used on the way back: 5 of 5
-9 orphan: good
bool(true)
