<?php
// page.php N [ANEW]: N times what a web page does: a client, its server, one job to be done later. With ANEW=1, none resumes
// the TLS session of the one before: to the module, a CA file that has another time is another one.
require __DIR__ . '/bench.inc';
[, $n, $anew] = array_map('intval', [...$argv, 0]);
$ca = ini_get('gearman.ssl_ca_file');

timed(function () use ($n, $anew, $ca) {
    for ($i = 1; $i <= $n; $i++) {
        if ($anew) {
            touch($ca, $i);
        }
        $client = on_server(new GearmanClient());
        check($client->doBackground('echo', 'twelve bytes') !== '', 'no handle');
        unset($client);
    }
});
