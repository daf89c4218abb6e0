--TEST--
1 MB and 20 MB with NUL bytes, both ways
--EXTENSIONS--
gearman
pcntl
posix
--INI--
memory_limit=512M
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$function = unique_function_name();
$child = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, function (GearmanJob $job) {
        if ($job->workloadSize() !== strlen($job->workload())) {
            $job->sendFail();
        }
        $job->sendData(substr($job->workload(), 0, 1 << 19));
        return strrev($job->workload());
    });
    while ($worker->work());
});
$client = new GearmanClient();
$client->addServer(HOST, PORT);
$block = random_bytes(1 << 16) . str_repeat("\0", 1 << 10);
foreach ([1 << 20, 20 << 20] as $size) {
    foreach (["\0", '', "\xff\0"] as $lead) {
        $data = substr($lead . str_repeat($block, intdiv($size, strlen($block)) + 1), 0, $size);
        $want = substr($data, 0, 1 << 19) . strrev($data);
        var_dump($client->doNormal($function, $data) === $want);
        if ($lead === "\0") {
            $client->setDataCallback(fn ($task) => print "part " . $task->dataSize() . "\n");
            $client->setCompleteCallback(fn ($task) => print "whole " . var_export($task->data() === strrev($data), true) . "\n");
            $client->addTask($function, $data);
            $client->addTask($function, $data);
            var_dump($client->runTasks());
            $client->clearCallbacks();
        }
        unset($want, $data);
    }
}
var_dump($client->ping(str_repeat("\0ping", 1 << 20)));
stop_child($child, SIGKILL);
?>
--EXPECT--
bool(true)
part 524288
whole true
part 524288
whole true
bool(true)
bool(true)
bool(true)
bool(true)
part 524288
whole true
part 524288
whole true
bool(true)
bool(true)
bool(true)
bool(true)
