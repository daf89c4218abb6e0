<?php
// page.php N: N times what a web page does: a client, its server, one job to be done later.
require __DIR__ . '/bench.inc';
[, $n] = array_map('intval', $argv);

timed(function () use ($n) {
    for ($i = 0; $i < $n; $i++) {
        $client = on_server(new GearmanClient());
        check($client->doBackground('echo', 'twelve bytes') !== '', 'no handle');
        unset($client);
    }
});
