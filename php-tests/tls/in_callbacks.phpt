--TEST--
TLS within callbacks: another client, the same client, settings that change, an end by exception, exit() and fatal error
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$server = tls_server($ca->issue());
$function = unique_function_name();
spawn(function () use ($server, $ca, $function) {
    $worker = tls_worker($server, $ca->file, [$function => fn (GearmanJob $job) => strrev($job->workload())]);
    while (@$worker->work());
}, clean: false);

$client = tls_client($server, $ca->file);
$other = tls_client($server, $ca->file);
$client->setCompleteCallback(function (GearmanTask $task) use ($client, $other, $server, $ca, $function) {
    $new = tls_client($server, $ca->file);
    show($task->data(), $other->doNormal($function, 'other'), $client->doNormal($function, 'same'), $new->doNormal($function, 'new'));
    if ($task->unique() === 'a') {
        $client->addTask($function, 'added', null, 'b');
    }
});
$client->addTask($function, 'task', null, 'a');
show('runTasks', $client->runTasks(), code($client));

// setSSL() in a callback: what was not answered is lost, and the next call connects anew.
$client->setCompleteCallback(function () use ($client, $ca) {
    $client->setSSL(true, $ca->file); // as before: nothing changes
});
for ($i = 0; $i < 5; $i++) {
    $client->addTask($function, (string) $i);
}
show('the same settings', $client->runTasks(), code($client));
$client->setCompleteCallback(fn () => $client->setSSL(false, $ca->file));
for ($i = 0; $i < 5; $i++) {
    $client->addTask($function, (string) $i);
}
[$ran, $warnings] = heard(fn () => $client->runTasks());
show('switched off', count($warnings) <= 1, $client->options() & 256);
$client->clearCallbacks();
$client->setSSL(true, $ca->file);
while (!@$client->runTasks());
show('on again', $client->doNormal($function, 'abc'), code($client));

// A callback that ends its process; the server and others go on.
foreach ([
    'exception' => fn () => throw new LogicException('x'),
    'exit' => fn () => exit(3),
    'fatal' => fn () => @trigger_error('fatal', E_USER_ERROR),
    'memory' => fn () => [ini_set('memory_limit', '8M'), str_repeat('x', 1 << 30)],
] as $name => $end) {
    $child = spawn(function () use ($server, $ca, $function, $end) {
        restore_error_handler();
        ini_set('display_errors', '0');
        ini_set('log_errors', '0');
        $client = tls_client($server, $ca->file);
        $client->setCompleteCallback($end);
        $client->addTask($function, 'x');
        try {
            $client->runTasks();
        } catch (LogicException) {
            return $client->doNormal($function, 'after') === 'retfa' ? 0 : 1;
        }
    });
    show($name, wait_child($child), $other->doNormal($function, 'abc'));
}
// Files of no use, and an error handler that throws or uses the client.
$bad = new GearmanClient();
$bad->setSSL(true, '/no/such/file.pem');
$bad->addServer(HOST, $server->tls, false);
set_error_handler(fn ($level, $text) => throw new ErrorException(preg_replace('/:\d+/', '', $text)));
show('a handler that throws', fn () => str_contains($bad->doNormal($function, 'x'), 'x'), code($bad));
set_error_handler(function () use ($bad, $ca) {
    $bad->setSSL(true, $ca->file);
    return true;
});
show('a handler that mends it', $bad->doNormal($function, 'abc'), $bad->doNormal($function, 'abc'), code($bad));
show('once more', fn () => (function () use ($server) {
    $client = new GearmanClient();
    $client->setSSL(true, '/no/such/file.pem');
    set_error_handler(fn ($level, $text) => throw new ErrorException('thrown'));
    $client->addServer(HOST, $server->tls);
})());
--EXPECT--
ksat: 'rehto', 'emas', 'wen'
dedda: 'rehto', 'emas', 'wen'
runTasks: true, SUCCESS
the same settings: true, SUCCESS
switched off: true, 0
on again: 'cba', SUCCESS
exception: 0, 'cba'
exit: 3, 'cba'
fatal: 255, 'cba'
memory: 255, 'cba'
a handler that throws: ErrorException: GearmanClient::doNormal(): no TLS connection to 127.0.0.1: the CA file /no/such/file.pem: No such file or directory, COULD_NOT_CONNECT
a handler that mends it: '', 'cba', SUCCESS
once more: ErrorException: thrown
