--TEST--
Error handlers that throw, exit or fail at the module's own warnings, at each kind of call
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/captured.inc';

$function = unique_function_name();
$calls = [
    'addServer' => fn ($c, $w) => $c->addServer(HOST, 70000),
    'addServers' => fn ($c, $w) => $w->addServers(HOST . ':x'),
    'doNormal' => fn ($c, $w) => $c->doNormal('', 'x'),
    'doBackground' => fn ($c, $w) => $c->doBackground($GLOBALS['function'], ''),
    'jobStatus' => fn ($c, $w) => $c->jobStatus("\0"),
    'jobStatusByUniqueKey' => fn ($c, $w) => $c->jobStatusByUniqueKey("\0"),
    'ping' => fn ($c, $w) => $c->ping(''),
    'addTask' => fn ($c, $w) => $c->addTask('', 'x'),
    'addTaskStatus' => fn ($c, $w) => $c->addTaskStatus("\0"),
    'setFailCallback' => fn ($c, $w) => $c->setFailCallback('no such function'),
    'client wait' => fn ($c, $w) => $c->wait(),
    'runTasks' => function ($c, $w) {
        $c->setCreatedCallback(fn () => GEARMAN_TIMEOUT);
        $c->addTaskBackground($GLOBALS['function'], 'x');
        return $c->runTasks();
    },
    'worker work' => fn ($c, $w) => $w->work(),
    'worker wait' => fn ($c, $w) => $w->wait(),
    'grabJob' => fn ($c, $w) => $w->addFunction(unique_function_name(), 'strrev') && $w->grabJob(),
    'addFunction' => fn ($c, $w) => $w->addFunction('f', 'no such function'),
    'addFunction, name' => fn ($c, $w) => $w->addFunction(12, 'strrev'),
    'unregister' => fn ($c, $w) => $w->unregister('never registered'),
    'setReturn' => fn ($c, $w) => (new GearmanJob())->setReturn(99),
    'sendComplete' => fn ($c, $w) => (new GearmanJob())->sendComplete('x'),
    'sendStatus' => fn ($c, $w) => (new GearmanJob())->sendStatus(-1, 0),
    'in a job' => function ($c, $w) {
        $w->addFunction($GLOBALS['mine'], fn ($job) => $job->setReturn(99));
        $c->doBackground($GLOBALS['mine'], 'x');
        return $w->work();
    },
    'end of a job' => function ($c, $w) {
        $w->addFunction($GLOBALS['mine'], fn ($job) => $job->setReturn(GEARMAN_SERVER_ERROR));
        $c->doBackground($GLOBALS['mine'], 'x');
        return $w->work();
    },
    'result of a job' => function ($c, $w) {
        $w->addFunction($GLOBALS['mine'], fn ($job) => ['no text']);
        $c->doBackground($GLOBALS['mine'], 'x');
        return $w->work();
    },
    'result of a callback' => function ($c, $w) {
        $c->setCreatedCallback(fn () => new stdClass());
        $c->addTaskBackground($GLOBALS['function'], 'x');
        return $c->runTasks();
    },
];
$make = function () {
    $GLOBALS['mine'] = unique_function_name();
    $both = [new GearmanClient(), new GearmanWorker()];
    $both[0]->addServer(HOST, PORT);
    $both[1]->addServer(HOST, PORT);
    return $both;
};
$usable = function ($c, $w) {
    restore_error_handler();
    $c->clearCallbacks();
    $w->addFunction($name = unique_function_name(), fn () => print '');
    $w->setTimeout(10000);
    $c->doBackground($name, 'x');
    $c->addTaskBackground($name, 'y');
    return $c->ping('x') && $c->runTasks() && $w->work() && $w->work();
};
foreach ($calls as $name => $call) {
    // Thrown: it comes out of the call, once, and nothing else is wrong.
    [$c, $w] = $make();
    $heard = 0;
    set_error_handler(function ($level, $text) use (&$heard) {
        $heard++;
        throw new ErrorException($text);
    });
    try {
        $thrown = json_encode($call($c, $w));
    } catch (ErrorException $e) {
        $thrown = 'thrown';
    }
    $good = $usable($c, $w);
    // exit() and a fatal error in it.
    $codes = [];
    foreach ([fn () => exit(7), fn () => @trigger_error('on purpose', E_USER_ERROR)] as $end) {
        [$code, $output] = captured(function () use ($make, $call, $end, $usable) {
            [$c, $w] = $make();
            register_shutdown_function(function () use ($c, $w, $usable) {
                echo "\n", $usable($c, $w) ? 'usable' : 'not usable';
            });
            set_error_handler(function ($level) use ($end) {
                restore_error_handler();
                set_error_handler(null);
                $end();
            });
            $call($c, $w);
            echo 'not reached';
        });
        $codes[] = $code . (preg_match('/^usable$/m', $output) && !str_contains($output, 'not reached') ? '' : "\n$output\n");
    }
    echo "$name: $thrown", $heard === 1 ? '' : " ($heard times)", ', ', $good ? 'usable' : 'not usable', '; ', implode(', ', $codes), "\n";
}
?>
--EXPECT--
addServer: thrown, usable; 7, 255
addServers: thrown, usable; 7, 255
doNormal: thrown, usable; 7, 255
doBackground: thrown, usable; 7, 255
jobStatus: thrown, usable; 7, 255
jobStatusByUniqueKey: thrown, usable; 7, 255
ping: thrown, usable; 7, 255
addTask: thrown, usable; 7, 255
addTaskStatus: thrown, usable; 7, 255
setFailCallback: thrown, usable; 7, 255
client wait: thrown, usable; 7, 255
runTasks: thrown, usable; 7, 255
worker work: thrown, usable; 7, 255
worker wait: thrown, usable; 7, 255
grabJob: thrown, usable; 7, 255
addFunction: thrown, usable; 7, 255
addFunction, name: thrown, usable; 7, 255
unregister: thrown, usable; 7, 255
setReturn: thrown, usable; 7, 255
sendComplete: thrown, usable; 7, 255
sendStatus: thrown, usable; 7, 255
in a job: thrown, usable; 7, 255
end of a job: thrown, usable; 7, 255
result of a job: thrown, usable; 7, 255
result of a callback: thrown, usable; 7, 255
