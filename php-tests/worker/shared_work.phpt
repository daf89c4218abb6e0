--TEST--
Three workers share the jobs of a client that sends one after the other; urgent jobs go first
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

foreach (['direct' => '1', 'classic' => '0'] as $way => $direct) {
    ini_set('gearman.direct_assignment', $direct);
    $name = serve(fn() => (string) getmypid(), processes: 3);
    wait_until(fn() => function_status($name)[2] === 3, 10, 'workers');
    $client = client();
    // The one that sleeps longest is next; a busy machine may keep one awake for a while. The C server promises nothing.
    $ours = trim(admin('version')) === 'OK ' . phpversion('gearman');
    $deadline = microtime(true) + 30;
    for ($fair = !$ours; !$fair && microtime(true) < $deadline;) {
        $jobs = [];
        for ($i = 0; $i < 90; $i++) {
            $jobs[] = $client->doNormal($name, 'x');
        }
        $shares = array_count_values($jobs);
        $fair = count($shares) === 3 && min($shares) >= 10;
    }
    show("$way: each has its share", $fair);

    $name = unique_function_name();
    foreach (['Low' => 'low', '' => 'normal', 'High' => 'high'] as $priority => $workload) {
        $client->{"do{$priority}Background"}($name, "$workload 1");
        $client->{"do{$priority}Background"}($name, "$workload 2");
    }
    $worker = worker([$name => fn(GearmanJob $job) => print($job->workload() . ', ')]);
    for ($i = 0; $i < 6; $i++) {
        $worker->work();
    }
    echo "end\n";
}
--EXPECT--
direct: each has its share: true
high 1, high 2, normal 1, normal 2, low 1, low 2, end
classic: each has its share: true
high 1, high 2, normal 1, normal 2, low 1, low 2, end
