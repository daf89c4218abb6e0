--TEST--
By default nothing is kept
--FILE--
<?php
require __DIR__ . '/persistent.inc';

$server = start_gearmand();
for ($i = 0; $i < 3; $i++) {
    $client = client($server->port);
    $client->ping('x');
    unset($client);
}
show('kept', kept());
wait_until(fn () => connections($server->port) === []);
show('not at run time', ini_set('gearman.persistent', '1'), ini_get('gearman.persistent'));
--EXPECT--
kept: [0, 0, 0]
not at run time: false, '0'
