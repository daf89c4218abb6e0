--TEST--
What the server says in place of JOB_CREATED ends the call: QUEUE_ERROR for a full queue
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = unique_function_name();
$server = start_gearmand();
$client = client($server->port);
show('first', $client->doBackground($function, '1'), code($client));
admin("maxqueue $function 2", $server->port); // of functions that it knows
show('second', $client->doBackground($function, '2'), code($client));
foreach (['doBackground', 'doHighBackground', 'doNormal', 'doLow'] as $method) {
    show($method, $client->$method($function, '3'), code($client), (string) $client->error() !== '');
}
show('another function', $client->doBackground(unique_function_name(), 'x'), code($client));
--EXPECT--
first: a handle, SUCCESS
second: a handle, SUCCESS
  Warning: GearmanClient::doBackground()
doBackground: '', QUEUE_ERROR, true
  Warning: GearmanClient::doHighBackground()
doHighBackground: '', QUEUE_ERROR, true
  Warning: GearmanClient::doNormal()
doNormal: '', QUEUE_ERROR, true
  Warning: GearmanClient::doLow()
doLow: '', QUEUE_ERROR, true
another function: a handle, SUCCESS
