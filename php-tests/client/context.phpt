--TEST--
context() gives back what setContext() was given
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = new GearmanClient();
show('fresh', $client->context());
show('set', $client->setContext('some text'), $client->context());
show('any bytes', $client->setContext("\xff\n"), $client->context());
show('long', $client->setContext(str_repeat('c', 100000)), strlen($client->context()));
show('empty', $client->setContext(''), $client->context());
show('returnCode', code($client));
show('functions', gearman_client_set_context($client, 'x'), gearman_client_context($client));
show('a client of its own', (new GearmanClient())->context());
--EXPECT--
fresh: ''
set: true, 'some text'
any bytes: true, '\377\n'
long: true, 100000
empty: true, ''
returnCode: SUCCESS
functions: true, 'x'
a client of its own: ''
