<?php

/**
 * Asks for one result, and queues a hundred jobs that nobody waits for. GEARMAN_SERVERS names the servers.
 */

$client = new GearmanClient();
$client->addServers();

echo $client->doNormal('reverse', 'Hello world!'), "\n";
for ($n = 1; $n <= 100; $n++) {
    $client->doBackground('reverse', "text $n") ?: exit("{$client->error()}\n");
}
echo "100 jobs are queued\n";
