--TEST--
A server behind unix:///path: jobs, tasks, ping and large payloads; a path where nobody listens
--EXTENSIONS--
gearman
pcntl
posix
--SKIPIF--
<?php
$help = (string) shell_exec(escapeshellarg((string) getenv('GEARMAN_TEST_GEARMAND')) . ' --help 2>&1');
str_contains($help, 'unix://') or die('skip the server does not listen on socket files');
--INI--
memory_limit=256M
--FILE--
<?php
require __DIR__ . '/../fake_server.inc';

// Short: the system takes 107 bytes.
$folder = sys_get_temp_dir() . '/gearman_' . bin2hex(random_bytes(8));
mkdir($folder);
$path = "$folder/socket";
$server = start_gearmand(['-L', "unix://$path"]);
wait_until(fn() => file_exists($path), 10, 'the socket');

$function = unique_function_name();
$child = spawn(function () use ($function, $path) {
    $worker = new GearmanWorker();
    $worker->addServers("unix://$path");
    $worker->setId('behind-a-path');
    $worker->addFunction($function, fn($job) => strrev($job->workload()));
    while ($worker->work());
});
wait_until(fn() => function_status($function, $server->port)[2] === 1, 10, 'the worker');
echo preg_match('/ behind-a-path :/', admin('workers', $server->port)), " worker\n";
$client = new GearmanClient();
var_dump($client->addServer("unix://$path"));
var_dump($client->doNormal($function, 'abc'));
$large = str_repeat("\0\xff" . random_bytes(1022), 4 << 10);
var_dump($client->doNormal($function, $large) === strrev($large), $client->ping("\0ping"));
$client->setCompleteCallback(fn($task) => print "{$task->data()}\n");
$client->addTask($function, '123');
$client->addTask($function, '456');
var_dump($client->runTasks());
$handle = $client->doBackground($function, 'x');
wait_until(fn() => !$client->jobStatus($handle)[0], 10, 'the job');

// The server ends: what is said names the path.
stop_child($child, SIGKILL);
$server->stop();
for ($try = 0; $try < 2 && $client->returnCode() !== GEARMAN_COULD_NOT_CONNECT; $try++) {
    [$result, $warnings] = heard(fn() => $client->doNormal($function, 'abc')); // the first may tell of the lost connection
}
echo json_encode($result), ' ', str_replace($path, 'PATH', implode("\n", $warnings)), "\n";
var_dump($client->returnCode() === GEARMAN_COULD_NOT_CONNECT);
foreach ([$client::class, GearmanWorker::class] as $class) {
    $object = new $class();
    [$result, $warnings] = heard(fn() => $object->addServer("unix://$folder/nobody", 0));
    echo $class, ': ', $result::class, ', ', $result->getMessage(), "\n";
}
var_dump(heard(fn() => $client->addServer('unix://'))[1]);
@unlink($path);
rmdir($folder);
?>
--EXPECT--
1 worker
bool(true)
string(3) "cba"
bool(true)
bool(true)
321
654
bool(true)
"" GearmanClient::doNormal(): could not connect to unix://PATH: No such file or directory
bool(true)
GearmanClient: GearmanException, Failed to set exception option
GearmanWorker: GearmanException, Failed to set exception option
array(1) {
  [0]=>
  string(83) "GearmanClient::addServer(): could not resolve unix://:0: a path must follow unix://"
}
