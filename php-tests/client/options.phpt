--TEST--
Client options: bits that can be set, removed or are ignored
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = new GearmanClient();
show('fresh', $client->options());
show('add NON_BLOCKING', $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING), $client->options());
show('add UNBUFFERED_RESULT', $client->addOptions(GEARMAN_CLIENT_UNBUFFERED_RESULT), $client->options());
show('add it again', $client->addOptions(GEARMAN_CLIENT_UNBUFFERED_RESULT), $client->options());
show('remove NON_BLOCKING', $client->removeOptions(GEARMAN_CLIENT_NON_BLOCKING), $client->options());
show('remove it again', $client->removeOptions(GEARMAN_CLIENT_NON_BLOCKING), $client->options());
show('add two', $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING | 64), $client->options());
show('set one', $client->setOptions(GEARMAN_CLIENT_NON_BLOCKING), $client->options());
show('set none', $client->setOptions(0), $client->options());
foreach (['ALLOCATED', 'TASK_IN_USE', 'NO_NEW'] as $name) {
    show("add $name", $client->addOptions(constant("GEARMAN_CLIENT_$name")), $client->options());
}
show('set all', $client->setOptions(-1), $client->options() & 127);
show('remove all', $client->removeOptions(-1), $client->options());
show('unknown bits', $client->addOptions(1 << 40), $client->options());
show('beside the known', $client->addOptions(1 << 40 | GEARMAN_CLIENT_FREE_TASKS), $client->options());
show('returnCode', code($client), $client->error());
--EXPECT--
fresh: 32
add NON_BLOCKING: true, 34
add UNBUFFERED_RESULT: true, 42
add it again: true, 42
remove NON_BLOCKING: true, 40
remove it again: true, 40
add two: true, 106
set one: true, 2
set none: true, 0
add ALLOCATED: true, 0
add TASK_IN_USE: true, 0
add NO_NEW: true, 0
set all: true, 106
remove all: true, 0
unknown bits: true, 0
beside the known: true, 32
returnCode: SUCCESS, false
