--TEST--
Unique keys: as given, made up for null and '', hashed for '#', '-' as it is
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = serve(fn(GearmanJob $job) => $job->unique());
$is_uuid = fn(string $key) => (bool) preg_match('/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/', $key);
$client = client();
show('given', $client->doNormal($function, 'x', 'a key'));
show('63 bytes', strlen($client->doNormal($function, 'x', str_repeat('k', 63))));
show('0', $client->doNormal($function, 'x', '0'));
show('without', $is_uuid($client->doNormal($function, 'x')));
show('null', $is_uuid($client->doNormal($function, 'x', null)));
show('empty', $is_uuid($client->doNormal($function, 'x', '')));
show('another each time', $client->doNormal($function, 'x') !== $client->doNormal($function, 'x'));
show('# is a number made of the workload', $client->doNormal($function, 'x', '#'), $client->doNormal($function, 'x', '#'), $client->doNormal($function, 'some longer text', '#'));
show('-', $client->doNormal($function, 'x', '-'));

$keys = [];
$client->setCompleteCallback(function (GearmanTask $task, string $what) use (&$keys) {
    $keys[$what] = [$task->data(), $task->unique()];
});
$client->addTask($function, 'x', 'given', 'a key');
$client->addTask($function, 'x', 'none');
$client->addTask($function, 'x', 'hash', '#');
$client->addTask($function, 'x', 'minus', '-');
$client->runTasks();
show('task with a key', $keys['given']);
show('task without', $is_uuid($keys['none'][0]), $keys['none'][0] === $keys['none'][1]);
show('task with #', $keys['hash'][0]);
show('task with -', $keys['minus'][0]);
--EXPECT--
given: 'a key'
63 bytes: 63
0: '0'
without: true
null: true
empty: true
another each time: true
# is a number made of the workload: '1030509023', '1030509023', '4090075052'
-: '-'
task with a key: ['a key', 'a key']
task without: true, true
task with #: '1030509023'
task with -: '-'
