--TEST--
TLS in a loop: a handshake that nobody waits for, results of many records, and what is decrypted already does not wait for the socket
--SKIPIF--
<?php
require __DIR__ . '/skipif.inc';
extension_loaded('openssl') or die('skip needs openssl');
--FILE--
<?php
require __DIR__ . '/tls.inc';
require __DIR__ . '/../loop/loop.inc';

$ca = new Authority();
$certificate = $ca->issue();

// The server is this very program: a poll() that waited for its half of the handshake would wait for ever.
$context = stream_context_create(['ssl' => ['local_cert' => $certificate->file, 'local_pk' => $certificate->key]]);
$listener = stream_socket_server('tcp://' . HOST . ':0', context: $context);
$port = (int) substr(strrchr(stream_socket_get_name($listener, false), ':'), 1);
$client = loop_client($port);
$client->setSSL(true, $ca->file);
$log = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = strlen($task->data()); });
$client->addTask('f', 'x', null, 'key');
settle([$client]);
$peer = stream_socket_accept($listener, 10);
stream_set_blocking($peer, false);
loop([$client], fn() => stream_socket_enable_crypto($peer, true, STREAM_CRYPTO_METHOD_TLS_SERVER) === true);
loop([$client], function () use ($peer, &$asked) { return strlen($asked .= fread($peer, 1000)) > 12; });
show('asked', substr($asked, 12));
$client->addTask('f', 'y', null, 'other');
loop([$client], function () use ($peer, &$more) { return strlen($more .= fread($peer, 1000)) > 12; });

// Two answers in one record, and nothing after it.
$res = fn(int $command, string $body) => "\0RES" . pack('NN', $command, strlen($body)) . $body;
$bytes = $res(8, 'H:x:1') . $res(8, 'H:x:2') . $res(13, "H:x:1\0one") . $res(13, "H:x:2\0two");
fwrite($peer, $bytes);
loop([$client], function () use (&$log) { return count($log) === 2; });
show('one record', ...$log);
unset($client);

// A real server: many results in one read, and large ones.
$server = tls_server($certificate);
$f = unique_function_name();
$worker = loop_worker([$f => fn(GearmanJob $job) => str_repeat('x', (int) $job->workload())], $server->tls);
$worker->setSSL(true, $ca->file);
$client = loop_client($server->tls);
$client->setSSL(true, $ca->file);
$log = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$log) { $log[] = strlen($task->data()); });
for ($i = 0; $i < 200; $i++) {
    $client->addTask($f, (string) ($i % 20 === 0 ? 1_000_000 + $i : $i));
}
loop([$client, $worker], function () use (&$log) { return count($log) === 200; });
show('results', count($log), array_sum($log));
settle([$client, $worker]);
show('rest', turn([$client, $worker], 0));

// Who is not trusted is told so, and nothing hangs.
$stranger = loop_client($server->tls);
$stranger->setSSL(true, (new Authority('Other CA'))->file);
$stranger->setFailCallback(function (GearmanTask $task) use ($stranger, &$refused) { $refused = $stranger->error(); });
$stranger->addTask($f, '1');
loop([$stranger], function () use (&$refused) { return $refused; });
show('refused', (bool) preg_match('/certificate/i', $refused), $stranger->poll());
--EXPECT--
asked: 'f\000key\000x'
one record: 3, 3
results: 200, 10019900
rest: 0
refused: true, null
