<?php

/**
 * Queues numbered jobs, whatever becomes of servers meanwhile, and prints how many.
 *
 *     php examples/cluster/client.php SERVERS FIRST COUNT
 *
 * A job that could not be queued, or of which nobody knows whether it was, is submitted again: by its unique key it is one
 * job, at whichever server it arrives.
 */

[, $servers, $first, $count] = $argv;

$client = new GearmanClient();
// Connects later: a server may be away.
$client->addServers($servers, false);
for ($n = (int) $first; $n < $first + $count; $n++) {
    while (!@$client->doBackground('picture', "picture $n", "picture-$n")) {
        fwrite(STDERR, "picture $n once more: {$client->error()}\n");
        usleep(100_000);
    }
}
echo $count, "\n";
