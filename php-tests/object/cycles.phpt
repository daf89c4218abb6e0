--TEST--
Cycles through callbacks, functions, contexts and properties are collected
--FILE--
<?php
require __DIR__ . '/../api.inc';

gc_collect_cycles();
foreach ([
    'a callback' => function () {
        $client = client();
        $client->setCompleteCallback(fn() => $client);
        return $client;
    },
    'each callback' => function () {
        $client = client();
        foreach (['Workload', 'Created', 'Data', 'Warning', 'Status', 'Complete', 'Exception', 'Fail'] as $event) {
            $client->{"set{$event}Callback"}(function () use ($client) {
            });
        }
        return $client;
    },
    'a method of itself' => function () {
        $client = new class extends GearmanClient {
            public function done()
            {
            }
        };
        $client->setFailCallback([$client, 'done']);
        return $client;
    },
    'the context of a task' => function () {
        $client = client();
        $client->addTask('f', 'x', [$client]);
        return $client;
    },
    'a task that holds itself' => function () {
        $client = client();
        $context = new ArrayObject();
        $context['client'] = $client;
        $context['task'] = $client->addTask('f', 'x', $context);
        return $client;
    },
    'a task in a property' => function () {
        $client = new class extends GearmanClient {
            public $task;
        };
        $client->task = $client->addTask('f', 'x', $client);
        return $client;
    },
    'a function' => function () {
        $worker = worker();
        $worker->addFunction('f', fn() => $worker);
        return $worker;
    },
    'the context of a function' => function () {
        $worker = worker();
        $worker->addFunction('f', fn() => '', ['worker' => $worker]);
        return $worker;
    },
    'the context of a function that takes it by reference' => function () {
        $function = unique_function_name();
        $worker = worker();
        $worker->addFunction($function, function ($job, &$context) { $context = [$context, $context]; }, $worker);
        client()->doBackground($function, 'x');
        $worker->work();
        return $worker;
    },
    'the context of a task, taken by reference' => function () {
        $client = client();
        $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
        $client->setCreatedCallback(function ($task, &$context) { $context = [$task, $context]; return GEARMAN_PAUSE; });
        $client->addTask(unique_function_name(), 'x', $client);
        while ($client->runTasks() && $client->returnCode() !== GEARMAN_PAUSE);
        return $client;
    },
    'a client and a worker' => function () {
        [$client, $worker] = [client(), worker()];
        $client->setCompleteCallback(fn() => $worker);
        $worker->addFunction('f', fn() => $client);
        return $worker;
    },
    'a property' => function () {
        $job = @new GearmanJob();
        @$job->itself = $job;
        return $job;
    },
    'after use' => function () {
        $function = unique_function_name();
        $worker = worker();
        $worker->addFunction($function, fn(GearmanJob $job) => $worker->returnCode());
        $client = client();
        $client->setCreatedCallback(fn() => $client->returnCode() ? 0 : 0);
        $client->addTaskBackground($function, 'x', $client);
        $client->runTasks();
        $worker->work();
        return $client;
    },
] as $what => $make) {
    $object = $make();
    $reference = WeakReference::create($object);
    $object = null;
    $held = $reference->get() !== null;
    gc_collect_cycles();
    show($what, $held, $reference->get() === null);
}
--EXPECT--
a callback: true, true
each callback: true, true
a method of itself: true, true
the context of a task: true, true
a task that holds itself: true, true
a task in a property: true, true
a function: true, true
the context of a function: true, true
the context of a function that takes it by reference: true, true
the context of a task, taken by reference: true, true
a client and a worker: true, true
a property: true, true
after use: true, true
