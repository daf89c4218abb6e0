<?php

/**
 * deadhost.php ROLE HOST PORT FILE [CUT]: a program of deadhost.sh. What it comes to goes to FILE, a line each that begins
 * with the time.
 *
 *     wait        a client in doNormal() before the cable is cut
 *     send        one with a connection that calls doNormal() when the file CUT is there
 *     flood       the same with 40 MB
 *     work NAME   a worker that does jobs of NAME as they come, and goes on whatever work() says
 *     hold NAME   one that begins a job and never ends it
 *     slow NAME   one whose first job takes 20 seconds
 */

[, $role, $host, $port, $file, $last] = $argv + array_fill(0, 6, '');
$say = fn (string $line) => file_put_contents($file, time() . " $line\n", FILE_APPEND);

if (in_array($role, ['wait', 'send', 'flood'], true)) {
    $client = new GearmanClient();
    $client->addServer($host, (int) $port);
    $client->ping('x') || exit("no server: {$client->error()}\n");
    $say('connected');
    while ($role !== 'wait' && !file_exists($last)) {
        usleep(10000);
    }
    @$client->doNormal("nobody_$role", str_repeat('x', $role === 'flood' ? 40 << 20 : 1));
    $say($client->returnCode() . ' ' . $client->error());
    exit;
}

$worker = new GearmanWorker();
$worker->addServer($host, (int) $port);
$worker->addFunction($last, function (GearmanJob $job) use ($role, $say) {
    static $jobs = 0;
    $say('job ' . substr($job->workload(), 0, 10));
    if ($role === 'slow' && $jobs++ === 0) {
        sleep(20);
    }
    while ($role === 'hold') {
        sleep(60);
    }
});
while (true) {
    if (!@$worker->work()) {
        $say($worker->returnCode() . ' ' . $worker->error());
    }
}
