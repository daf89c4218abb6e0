--TEST--
gearman.persistent=1 and TLS: a connection is only for those with the same server, CA, certificate and key
--INI--
gearman.persistent=1
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';
require __DIR__ . '/../persistent/persistent.inc';

$ca = new Authority();
[$one, $two] = [$ca->issue('one'), $ca->issue('two')];
$server = tls_server($ca->issue(), $ca->file);
$use = function (?Certificate $own) use ($server, $ca) {
    $client = tls_client($server, $ca->file, $own);
    return (bool) $client->doBackground('f', 'x');
};
show('none yet', kept());
show('one', $use($one), kept());
show('one again', $use($one), $use($one), kept());
show('two', $use($two), kept());
show('in turns', $use($one), $use($two), $use($one), kept());
told('none', $client = new GearmanClient(), function () use ($client, $server, $ca) {
    $client->setSSL(true, $ca->file);
    $client->addServer(HOST, $server->tls, false);
    return $client->ping('x');
});
unset($client);
show('nor is another\'s used', kept());

// By name, by setting, and at a plain port.
$client = new GearmanClient();
$client->setSSL(false, $ca->file, $one->file, $one->key);
$client->addServer('tls://' . HOST, $server->tls);
show('tls://', $client->ping('x'), kept());
unset($client);
$client = client($server->port);
show('plain', $client->ping('x'), kept());
unset($client);
show('kept', kept());

// A client that changes its mind has another connection.
$client = tls_client($server, $ca->file, $one);
$client->ping('x');
$before = kept();
$client->setSSL(true, $ca->file, $two->file, $two->key);
show('another certificate', $client->ping('x'), array_map(fn ($a, $b) => $a - $b, kept(), $before));
unset($client);

// A file that was changed is another file: also to a connection that was left before, and to one that is left later.
$later = tls_client($server, $ca->file, $one);
$later->ping('x');
$use($one);
copy($two->file, $one->file);
copy($two->key, $one->key);
unset($later);
$before = kept();
show('a new certificate in the file', $use($one), kept()[2] - $before[2]);
show('and kept', $use($one), kept()[2] - $before[2]);
--EXPECT--
none yet: [0, 0, 0]
one: true, [1, 0, 1]
one again: true, true, [1, 2, 1]
two: true, [2, 2, 2]
in turns: true, true, true, [2, 5, 2]
none:
  warning: GearmanClient::ping(): no TLS connection to 127.0.0.1:PORT: the server requires a certificate of its clients: name one, and its key
  false, COULD_NOT_CONNECT
nor is another's used: [2, 5, 3]
tls://: true, [2, 5, 4]
plain: true, [3, 5, 5]
kept: [4, 5, 5]
another certificate: true, [-1, 1, 0]
a new certificate in the file: true, 1
and kept: true, 1
