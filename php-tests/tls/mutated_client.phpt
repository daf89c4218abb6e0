--TEST--
Client over TLS and a server whose answers are changed at random, or whose records are: no call hangs, nothing leaks, and a good server is served afterwards
--SKIPIF--
<?php
require __DIR__ . '/skipif.inc';
extension_loaded('openssl') or die('skip needs the openssl extension');
--FILE--
<?php
require __DIR__ . '/tls.inc';
require __DIR__ . '/mutated.inc';

$ca = new Authority();
$certificate = $ca->issue();
$server = tls_server($certificate);
$before = fn (object $object) => $object->setSSL(true, $ca->file);
$good = good_server($server->tls);
client_exchanges($server->port, $before, 200, lies: fn (int $seed) => over_tls($certificate, liar($seed)), honest: $good);
client_exchanges($server->port, $before, 200, lies: fn (int $seed) => meddler($server->tls, $seed), honest: $good);
?>
--EXPECT--
wrong:
descriptors more: 0
wrong:
descriptors more: 0
