--TEST--
The pause of a work() whose server is down: signals are heard in it, and the timeout bounds it
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../process/signals.inc';

// Our end of a connection: nobody listens on its port, and nobody else can take it.
$taken = stream_socket_client('tcp://' . HOST . ':' . PORT);
$port = (int) substr(strrchr(stream_socket_get_name($taken, false), ':'), 1);
foreach ([true, false] as $async) {
    echo $async ? "asynchronous\n" : "by pcntl_signal_dispatch\n";
    pcntl_async_signals($async);
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $port, false);
    $worker->addFunction('f', fn () => '');
    for ($i = 0; $i < 6; $i++) {
        @$worker->work(); // the pauses grow to about a second
    }
    $handled = false;
    pcntl_signal(SIGUSR1, function () use (&$handled) {
        $handled = true;
    });
    $child = signal_when_asleep(SIGUSR1);
    for ($calls = 0; !$handled && $calls < 50; $calls++) {
        $result = @$worker->work();
    }
    wait_child($child);
    echo '  ', json_encode([$handled, $result, $worker->returnCode()]), "\n";

    $worker->setTimeout(20);
    $begin = hrtime(true);
    for ($i = 0; $i < 5; $i++) {
        $codes[@$worker->work() ? 'true' : $worker->returnCode()] = true;
    }
    echo '  ', json_encode(array_keys($codes)), hrtime(true) - $begin < 2.5e9 ? ' in time' : ' late', "\n";
}
?>
--EXPECT--
asynchronous
  [true,true,0]
  [26] in time
by pcntl_signal_dispatch
  [true,true,0]
  [26] in time
