--TEST--
A CA that is taken out of the server's file: nobody of it is let in after SIGHUP, not by a ticket either; connections that stand or are kept live on
--INI--
gearman.persistent=1
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

[$ca, $removed] = [new Authority(), new Authority('Removed CA')];
$file = tls_folder() . '/clients.pem';
file_put_contents($file, file_get_contents($removed->file) . file_get_contents($ca->file));
$server = tls_server($ca->issue(), $file, ['--verbose', 'NOTICE']);
[$own, $other] = [$removed->issue('client'), $ca->issue('client')];

$standing = tls_client($server, $ca->file, $own);
show('before', $standing->ping('x'));
$kept = tls_client($server, $ca->file, $own);
show('another', $kept->ping('x'));
unset($kept);
$worker = tls_worker($server, $ca->file, ['removed' => fn () => 'done'], $own);
show('a worker', $worker->ping('x'));

file_put_contents($file, file_get_contents($ca->file));
posix_kill($server->pid, SIGHUP);
$log = getenv('GEARMAN_TEST_DIR') . "/gearmand-$server->port.log";
wait_until(fn () => str_contains(file_get_contents($log), 'the files of TLS are read anew'));
show('the standing one', $standing->ping('x'));
$kept = tls_client($server, $ca->file, $own);
show('the kept one', $kept->ping('x'));
show('the worker', $worker->ping('x'));
both_told('a new one', function (object $object) use ($server, $ca, $own) {
    $object->setSSL(true, $ca->file, $own->file, $own->key);
    $object->addServer(HOST, $server->tls, false);
});
show('of another CA', tls_client($server, $ca->file, $other)->ping('x'));
--EXPECT--
before: true
another: true
a worker: true
the standing one: true
the kept one: true
the worker: true
a new one:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the server does not accept our certificate in ~/client.pem: it does not know the CA that signed it
  false, COULD_NOT_CONNECT
of another CA: true
