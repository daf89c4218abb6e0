--TEST--
A server with rules: what is refused is a warning, and nothing hangs, spins or is lost
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$file = tempnam(sys_get_temp_dir(), 'acl');
file_put_contents($file, <<<'TOML'
    [[rule]]
    submit = ["open*", "also"]
    work = ["open", "also"]
    observe = true
    TOML);
$server = start_gearmand(['--acl', $file]);
$port = $server->port;
set_error_handler(function (int $level, string $text) use ($port) {
    echo 'warning: ', str_replace(":$port", ':PORT', $text), "\n";
    return true;
});

$client = client($port);
show('submit', $client->doBackground('secret', 'x'), code($client));
show('foreground', $client->doNormal('secret', 'x'), code($client));
show('allowed', is_string($handle = $client->doBackground('open', 'one')), code($client));
show('status', $client->jobStatus($handle)[0], code($client));

echo "-- among tasks\n";
$client->setCreatedCallback(fn(GearmanTask $task) => show('created', $task->functionName()));
$client->setFailCallback(fn(GearmanTask $task) => show('failed', $task->functionName()));
$client->addTaskBackground('also', 'two');
$client->addTaskBackground('secret', 'x');
$client->addTaskBackground('openly', 'x');
show('runTasks', $client->runTasks(), code($client));

echo "-- a worker\n";
$worker = worker(port: $port);
foreach (['secret', 'open', 'hidden', 'also'] as $function) {
    $worker->addFunction($function, fn(GearmanJob $job) => show($job->functionName(), $job->workload()));
}
show('work', $worker->work(), code($worker));
show('work', $worker->work(), code($worker));
$worker->setTimeout(50);
$begin = getrusage();
show('no more', $worker->work(), code($worker));
$end = getrusage();
show('without spinning', $end['ru_utime.tv_sec'] - $begin['ru_utime.tv_sec'] < 2);

echo "-- a handler that throws\n";
set_error_handler(fn(int $level, string $text) => throw new Exception(substr($text, 0, 21)));
$another = worker(port: $port);
$another->addFunction('secret', fn() => null);
$another->addFunction('open', fn(GearmanJob $job) => show('open', $job->workload()));
try {
    $another->work();
} catch (Exception $e) {
    echo get_class($e), ': ', $e->getMessage(), "\n";
}
$client->doBackground('open', 'three');
show('work', $another->work(), code($another));
unlink($file);
--EXPECT--
warning: GearmanClient::doBackground(): server 127.0.0.1:PORT refused: no right to submit secret (PERMISSION_DENIED)
submit: '', SERVER_ERROR
warning: GearmanClient::doNormal(): server 127.0.0.1:PORT refused: no right to submit secret (PERMISSION_DENIED)
foreground: '', SERVER_ERROR
allowed: true, SUCCESS
status: true, SUCCESS
-- among tasks
created: 'also'
created: 'openly'
warning: GearmanClient::runTasks(): server 127.0.0.1:PORT refused: no right to submit secret (PERMISSION_DENIED)
runTasks: false, SERVER_ERROR
-- a worker
warning: GearmanWorker::work(): server 127.0.0.1:PORT refused: no right to work hidden (PERMISSION_DENIED)
warning: GearmanWorker::work(): server 127.0.0.1:PORT refused: no right to work secret (PERMISSION_DENIED)
open: 'one'
work: true, SUCCESS
also: 'two'
work: true, SUCCESS
no more: false, TIMEOUT
without spinning: true
-- a handler that throws
Exception: GearmanWorker::work()
open: 'three'
work: true, SUCCESS
