<?php
// background.php N: N doBackground.
require __DIR__ . '/bench.inc';
[, $n] = array_map('intval', $argv);

$client = on_server(new GearmanClient());
timed(function () use ($client, $n) {
    for ($i = 0; $i < $n; $i++) {
        check($client->doBackground('echo', 'twelve bytes') !== '', 'no handle');
    }
});
