--TEST--
jobStatusByUniqueKey() that is answered takes back that an earlier one was not, and leaves alone what other calls came to
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* It set a code where there was no answer, and none where there was one: a loop that asks until it is told that the job is
   done never ended, once a server had been away for a moment. */
require __DIR__ . '/../api.inc';

$server = start_gearmand();
$client = client($server->port);
$say = fn(string $what) => show($what, @$client->jobStatusByUniqueKey('key')[0], code($client), $client->error() !== false);
$say('at first');
$server->stop(SIGKILL);
wait_until(fn() => !@$client->ping('x') && $client->returnCode() === GEARMAN_COULD_NOT_CONNECT);
$say('gone');
$server = start_gearmand(port: $server->port);
$say('back');
@$client->ping('');
$say('after another failure');
$say('and again');
@$client->jobStatusByUniqueKey("k\0");
show('refused', code($client));
@$client->ping('');
$say('with another failure between');
--EXPECT--
at first: false, SUCCESS, false
gone: false, COULD_NOT_CONNECT, true
back: false, SUCCESS, false
after another failure: false, INVALID_ARGUMENT, true
and again: false, INVALID_ARGUMENT, true
refused: INVALID_ARGUMENT
with another failure between: false, INVALID_ARGUMENT, true
