<?php
// Connections for memory.sh: memory.php PORT N has N clients whose ping was answered, says so, and ends with its input.
[, $port, $n] = array_map('intval', $argv);

$clients = [];
for ($i = 0; $i < $n; $i++) {
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', $port);
    $client->ping('x') || exit($client->error());
    $clients[] = $client;
}
echo "ready\n";
fgets(STDIN);
