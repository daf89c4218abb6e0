--TEST--
exit(), fatal errors and exceptions inside each task callback
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$function = unique_function_name();
$worker = spawn(function () use ($function) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, function ($job) {
        $job->sendStatus(1, 2);
        $job->sendData('data');
        $job->sendWarning('warning');
        return match ($job->workload()) {
            'fail' => $job->sendFail(),
            'throw' => throw new DomainException('on purpose'),
            default => 'done',
        };
    });
    while (true) {
        try {
            $worker->work();
        } catch (DomainException) {
        }
    }
});
$tasks = ['Created' => 'x', 'Status' => 'x', 'Data' => 'x', 'Warning' => 'x', 'Complete' => 'x', 'Exception' => 'throw', 'Fail' => 'fail'];
$run = function (string $kind, callable $end) use ($function, $tasks) {
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $client->{"set{$kind}Callback"}(function ($task) use ($end) {
        static $n = 0;
        return $n++ === 0 ? $end($task) : GEARMAN_SUCCESS;
    });
    $client->addTask($function, $tasks[$kind]);
    $client->addTask($function, $tasks[$kind]);
    $client->runTasks();
    return $client;
};
$ends = [
    'exit(3)' => fn() => exit(3),
    'fatal error' => fn() => trigger_error('on purpose', E_USER_ERROR),
    'memory limit' => function () { ini_set('memory_limit', '8M'); return str_repeat('x', 64 << 20); },
    'exception' => fn() => throw new LogicException('leaves runTasks()'),
];
foreach ($tasks as $kind => $_) {
    $codes = [];
    foreach ($ends as $name => $end) {
        $child = spawn(function () use ($run, $kind, $end, $name) {
            ini_set('display_errors', '0');
            ini_set('log_errors', '0');
            register_shutdown_function(function () {
                // What PHP still runs may use the module.
                $client = new GearmanClient();
                $client->addServer(HOST, PORT);
                $client->ping('at the end') || exit(99);
            });
            try {
                $run($kind, $end);
            } catch (LogicException) {
                return 7; // it left runTasks()
            }
            return 98;
        });
        $codes[] = "$name " . wait_child($child);
    }
    echo "$kind: ", implode(', ', $codes), "\n";
}
echo "-- thrown and caught: the object goes on\n";
foreach ($tasks as $kind => $_) {
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $throw = true;
    $ended = 0;
    foreach (['Complete', 'Exception', 'Fail'] as $last) {
        $client->{"set{$last}Callback"}(function () use (&$ended) { $ended++; });
    }
    $client->{"set{$kind}Callback"}(function () use (&$throw, &$ended, $kind) {
        if ($throw) {
            $throw = false;
            throw new LogicException("of $kind");
        }
        $ended += (int) in_array($kind, ['Complete', 'Exception', 'Fail'], true);
    });
    $client->addTask($function, $tasks[$kind]);
    $client->addTask($function, $tasks[$kind]);
    try {
        $client->runTasks();
        echo "nothing came\n";
    } catch (LogicException $e) {
        echo "$kind: ", $e->getMessage();
    }
    $again = $client->runTasks();
    echo ', then ', var_export($again, true), " with $ended ended, doNormal() ", $client->doNormal($function, 'x'), "\n";
}
stop_child($worker, SIGKILL);
--EXPECT--
Created: exit(3) 3, fatal error 255, memory limit 255, exception 7
Status: exit(3) 3, fatal error 255, memory limit 255, exception 7
Data: exit(3) 3, fatal error 255, memory limit 255, exception 7
Warning: exit(3) 3, fatal error 255, memory limit 255, exception 7
Complete: exit(3) 3, fatal error 255, memory limit 255, exception 7
Exception: exit(3) 3, fatal error 255, memory limit 255, exception 7
Fail: exit(3) 3, fatal error 255, memory limit 255, exception 7
-- thrown and caught: the object goes on
Created: of Created, then true with 2 ended, doNormal() datadone
Status: of Status, then true with 2 ended, doNormal() datadone
Data: of Data, then true with 2 ended, doNormal() datadone
Warning: of Warning, then true with 2 ended, doNormal() datadone
Complete: of Complete, then true with 1 ended, doNormal() datadone
Exception: of Exception, then true with 1 ended, doNormal() datadone
Fail: of Fail, then true with 1 ended, doNormal() datadone
