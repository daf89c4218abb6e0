<?php

/**
 * Asks for one result, and queues a hundred jobs that nobody waits for. The environment variable SERVERS
 * names the servers.
 */

$client = new GearmanClient();
// Connects later: a server may be away.
$client->addServers((string) getenv('SERVERS'), false);

echo $client->doNormal('reverse', 'Hello world!'), "\n";
for ($n = 1; $n <= 100; $n++) {
    if (!$client->doBackground('reverse', "text $n")) {
        fwrite(STDERR, "{$client->error()}\n");
        exit(1);
    }
}
echo "100 jobs are queued\n";
