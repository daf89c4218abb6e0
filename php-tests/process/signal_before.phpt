--TEST--
A signal that came before the wait, or while a job ran, is handled in the wait and ends an idle work()
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';

foreach ([true, false] as $async) {
    echo $async ? "asynchronous\n" : "by pcntl_signal_dispatch\n";
    pcntl_async_signals($async);
    $function = unique_function_name();
    $client = new GearmanClient();
    $client->addServer(HOST, PORT);
    $worker = new GearmanWorker();
    $worker->addServer(HOST, PORT);
    $worker->addFunction($function, function () {
        posix_kill(getmypid(), SIGTERM);
        return '';
    });
    $stop = false;
    pcntl_signal(SIGTERM, function () use (&$stop) {
        $stop = true;
    });
    $worker->setTimeout(5000); // or it would never end

    // While a job runs.
    $client->doBackground($function, 'x');
    for ($works = 0; !$stop && $worker->work(); $works++);
    echo '  while a job ran: ', json_encode([$stop, $worker->returnCode()]), "\n";

    // Just before. Asynchronous handlers ran already, so there is nothing to end.
    if (!$async) {
        foreach (['work', 'wait'] as $method) {
            $stop = false;
            posix_kill(getmypid(), SIGTERM);
            echo "  before $method(): ", json_encode([$worker->$method(), $stop, $worker->returnCode()]), "\n";
        }
        // And before one that does not wait. It was never run there.
        foreach (['setTimeout' => 0, 'addOptions' => GEARMAN_WORKER_NON_BLOCKING] as $method => $value) {
            $stop = false;
            $worker->$method($value);
            posix_kill(getmypid(), SIGTERM);
            echo "  before work() with $method($value): ", json_encode([$worker->work(), $stop, $worker->returnCode()]), "\n";
            $worker->setTimeout(5000);
            $worker->removeOptions(GEARMAN_WORKER_NON_BLOCKING);
        }
        // And in a fiber, whose stack is another.
        $stop = false;
        $fiber = new Fiber(function () use ($worker) {
            posix_kill(getmypid(), SIGTERM);
            return $worker->work();
        });
        $fiber->start();
        echo '  before work() in a fiber: ', json_encode([$fiber->getReturn(), $stop, $worker->returnCode()]), "\n";
        // Nothing came: nothing is made of it, by the look of each second either.
        $worker->setTimeout(1200);
        echo '  no signal: ', json_encode([$worker->work(), $worker->returnCode() === GEARMAN_TIMEOUT]), "\n";
        // Others go on, and their handler runs in time to let them.
        [$server, $tell] = silent_server();
        $waiting = new GearmanClient();
        $waiting->addServer(HOST, $server->port, false);
        $waiting->setTimeout(5000);
        pcntl_signal(SIGUSR1, fn () => fwrite($tell, "\n"));
        posix_kill(getmypid(), SIGUSR1);
        echo '  before doNormal(): ', json_encode([$waiting->doNormal('f', 'abc'), $waiting->returnCode()]), "\n";
    }
}
?>
--EXPECT--
asynchronous
  while a job ran: [true,0]
by pcntl_signal_dispatch
  while a job ran: [true,0]
  before work(): [true,true,0]
  before wait(): [true,true,0]
  before work() with setTimeout(0): [true,true,0]
  before work() with addOptions(2): [true,true,0]
  before work() in a fiber: [true,true,0]
  no signal: [false,true]
  before doNormal(): ["cba",0]
