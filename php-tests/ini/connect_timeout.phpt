--TEST--
gearman.connect_timeout: a server that does not accept is given up
--FILE--
<?php
require __DIR__ . '/../api.inc';

// A listener with a full backlog answers no further connection.
$listener = stream_socket_server('tcp://' . HOST . ':0', context: stream_context_create(['socket' => ['backlog' => 0]]));
$address = stream_socket_get_name($listener, false);
for ($i = 0; $i < 4; $i++) {
    $filling[] = @stream_socket_client("tcp://$address", $code, $text, 0.1, STREAM_CLIENT_CONNECT | STREAM_CLIENT_ASYNC_CONNECT);
}
ini_set('gearman.connect_timeout', '50');
$client = new GearmanClient();
$client->addServer(HOST, (int) substr(strrchr($address, ':'), 1), false);
show('doNormal', $client->doNormal('f', 'x'), code($client), (string) $client->error() !== '');
$client->addServer(HOST, PORT, false);
show('another server', $client->doBackground(unique_function_name(), 'x'), code($client));
--EXPECT--
  Warning: GearmanClient::doNormal()
doNormal: '', COULD_NOT_CONNECT, true
another server: a handle, SUCCESS
