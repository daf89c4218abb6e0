--TEST--
Keys that are made up differ between parent, children and grandchildren
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$client = new GearmanClient();
$client->addServer(HOST, PORT);
[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$fresh = new GearmanClient();
$tell = function () use ($client, $fresh, $theirs) {
    for ($i = 0; $i < 3; $i++) {
        fwrite($theirs, $client->addTask('f', 'x')->unique() . "\n" . $fresh->addTask('f', 'x')->unique() . "\n");
    }
};
foreach ([true, false] as $used) {
    $used && $client->addTask('f', 'x')->unique() && $client->ping('x');
    $pids = [];
    for ($i = 0; $i < 4; $i++) {
        $pids[] = spawn(function () use ($tell) {
            $pid = spawn($tell, clean: false);
            $tell();
            wait_child($pid);
        }, clean: false);
    }
    $tell();
    array_map(wait_child(...), $pids);
}
fclose($theirs);
$keys = array_filter(explode("\n", stream_get_contents($ours)));
echo count($keys), ' keys, ', count(array_unique($keys)), " different\n";

// The same as seen by those who wait: nobody gets another's result. All jobs are queued before one is done.
$function = unique_function_name();
$jobs = 8;
$children = [];
$ask = function () use ($client, $function) {
    $text = (string) getmypid();
    return $client->doNormal($function, $text) === "done $text" ? 0 : 1;
};
for ($i = 1; $i < $jobs; $i++) {
    $children[] = spawn($ask);
}
$children[] = spawn(function () use ($function, $jobs) {
    wait_until(fn () => function_status($function)[0] === $jobs, 10, 'all jobs');
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, fn ($job) => 'done ' . $job->workload());
    for ($i = 0; $i < $jobs; $i++) {
        $worker->work();
    }
});
$client->setTimeout(20000);
echo "parent: ", $ask(), ", children: ", implode(" ", array_map(wait_child(...), $children)), "\n";
?>
--EXPECT--
108 keys, 108 different
parent: 0, children: 0 0 0 0 0 0 0 0
