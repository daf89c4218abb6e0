--TEST--
gearman.prefetch: a worker holds jobs in advance; those it has not begun go back when it is killed
--INI--
gearman.prefetch=4
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

const JOBS = 20;
$dir = getenv('GEARMAN_TEST_DIR') . '/' . unique_function_name('prefetch');
mkdir($dir);

/** Notes each job that it begins; the fifth hangs the first time. */
$function = function (GearmanJob $job) use ($dir) {
    file_put_contents("$dir/begun", $job->workload() . "\n", FILE_APPEND);
    if ($job->workload() === '5' && !file_exists("$dir/hung")) {
        touch("$dir/hung");
        sleep(90);
    }
    return '';
};
$begun = fn() => file_exists("$dir/begun") ? array_map(intval(...), file("$dir/begun")) : [];

foreach (['direct' => '1', 'classic' => '0'] as $way => $direct) {
    ini_set('gearman.direct_assignment', $direct);
    $name = unique_function_name();
    $client = client();
    for ($i = 1; $i <= JOBS; $i++) {
        $client->doBackground($name, (string) $i);
    }
    $worker = serve_all([$name => $function], wait: false);
    wait_until(fn() => file_exists("$dir/hung"), 10, 'the job that hangs');
    $held = fn() => function_status($name)[1] - 1;
    show("$way: held beyond the one that runs", wait_until($held, 10, 'jobs in advance') <= 4);
    stop_child($worker, SIGKILL);
    wait_until(fn() => function_status($name)[1] === 0, 10, 'the server to take them back');
    show('begun until then', implode(' ', $begun()));
    serve_all([$name => $function]);
    wait_until(fn() => function_status($name)[0] === 0, 10, 'the end of all jobs');
    $counts = array_count_values($begun());
    show('begun twice', array_keys($counts, 2), array_keys($counts, 3));
    show('never begun', array_values(array_diff(range(1, JOBS), array_keys($counts))));
    array_map(unlink(...), glob("$dir/*"));
}

// Held jobs are the next work()'s, and go back with the worker.
$name = unique_function_name();
for ($i = 1; $i <= 3; $i++) {
    client()->doBackground($name, (string) $i);
}
$one = worker([$name => $run = fn(GearmanJob $job) => print("{$job->workload()} ")]);
show('work', $one->work(), $one->work());
unset($one);
$two = worker([$name => $run]);
show('another worker', $two->work(), $two->ping('the server knows of the end') ? function_status($name)[0] : 'no answer');

// A function that was taken away.
$other = unique_function_name();
foreach ([$name, $other, $other, $name] as $function) {
    client()->doBackground($function, "of $function" === "of $name" ? 'kept' : 'gone');
}
$two->addFunction($other, $run);
show('first', $two->work());
$two->unregister($other);
$two->setTimeout(100);
show('the rest', $two->work(), $two->work(), @$two->work(), code($two));
show('left', function_status($other)[0], function_status($other)[1]);
rmdir($dir);
--EXPECT--
direct: held beyond the one that runs: true
begun until then: '1 2 3 4 5'
begun twice: [5], []
never begun: []
classic: held beyond the one that runs: true
begun until then: '1 2 3 4 5'
begun twice: [5], []
never begun: []
1 2 work: true, true
3 another worker: true, 0
gone first: true
kept kept the rest: true, true, false, TIMEOUT
left: 1, 0
