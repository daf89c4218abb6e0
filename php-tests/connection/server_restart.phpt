--TEST--
The server is started anew while a worker idles: it announces functions and name again, and works on
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$server = start_gearmand();
$port = $server->port;
$first = unique_function_name();
$second = unique_function_name();
$id = unique_function_name('worker');
$child = spawn(function () use ($port, $first, $second, $id) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $port);
    $worker->setId($id);
    $worker->addFunction($first, fn($job) => strrev($job->workload()));
    $worker->addFunction($second, fn($job) => strtoupper($job->workload()));
    $worker->register('gone');
    $worker->unregister('gone');
    while (true) {
        @$worker->work();
    }
});
$client = new GearmanClient();
$client->addServer(HOST, $port);
$known = fn() => function_status($first, $port)[2] === 1 && function_status($second, $port)[2] === 1;
$line = function () use ($port, $id) {
    preg_match("/ $id : ?(.*)$/m", admin('workers', $port), $match);
    $functions = array_filter(explode(' ', $match[1] ?? ''));
    sort($functions);
    return $functions;
};
$all = [$first, $second];
sort($all);
foreach ([SIGTERM, SIGKILL, SIGTERM] as $signal) {
    wait_until($known, 20, 'the worker');
    echo 'name and functions: ', var_export($line() === $all, true);
    echo ', ', $client->doNormal($first, 'abc'), ', ', $client->doNormal($second, 'abc'), "\n";
    $server->stop($signal);
    $server = start_gearmand(port: $port);
}
// What client and worker have to say last, after a start that the client did not see.
wait_until($known, 20, 'the worker');
echo $client->doNormal($first, 'at last'), "\n";
var_dump($client->runTasks() && $client->returnCode() === GEARMAN_SUCCESS);
stop_child($child, SIGKILL);
?>
--EXPECT--
name and functions: true, cba, ABC
name and functions: true, cba, ABC
name and functions: true, cba, ABC
tsal ta
bool(true)
