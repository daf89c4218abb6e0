--TEST--
A large exception for a server that takes nothing is waited for, and signals' handlers run meanwhile: they may throw and exit
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
// The first signal ended the wait, and its handler was not called: half a packet was sent, and the client never had the exception.
require __DIR__ . '/../process/signals.inc';

$size = 16 << 20;
/** A server that gives a job, and does not read on before it is told; it says what came after that. */
$starts = function (): array {
    [$here, $there] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    $server = fake_server(function (FakePeer $peer) use ($there) {
        $peer->until(39);
        $peer->res(40, 'H:1', 'f', '', '', 'x');
        wait_readable($there);
        fgets($there);
        $text = (string) $peer->until(25); // WORK_EXCEPTION
        fwrite($there, strlen($text) . ' bytes, ' . strtr(rtrim(substr($text, 0, 30), ': x'), "\0", ' ') . "\n");
        $peer->wait();
    });
    return [$server, $here];
};

ini_set('log_errors', '0');
pcntl_async_signals(true);
foreach ([
    'goes on' => fn($here) => fwrite($here, "\n"),
    'throws' => fn($here) => throw new DomainException('in the handler'),
    'throws the same' => fn($here, $thrown) => throw $thrown,
    'exits' => fn($here) => exit(7),
    'ends by a fatal error' => fn($here) => ini_set('display_errors', '0') !== false && trigger_error('on purpose', E_USER_ERROR),
] as $what => $handle) {
    [$server, $here] = $starts();
    $child = spawn(function () use ($server, $here, $handle, $size) {
        pcntl_signal(SIGUSR1, function () use ($handle, $here, &$thrown) {
            echo "  the handler\n";
            $handle($here, $thrown);
        });
        $worker = new GearmanWorker();
        $worker->addServer(HOST, $server->port, false);
        $worker->addFunction('f', function () use (&$signals, &$thrown, $size) {
            $thrown = new LogicException(str_repeat('x', $size));
            $signals = signal_when_asleep(SIGUSR1);
            throw $thrown;
        });
        try {
            $worker->work();
        } catch (Exception $e) {
            for (; $e; $e = $e->getPrevious()) {
                echo '  ', get_class($e), rtrim(": {$e->getMessage()}", ': x'), "\n";
            }
        }
        wait_child($signals);
        unset($worker); // what it has not sent is lost
    });
    echo "A handler that $what:\n";
    $code = wait_child($child, 60);
    fwrite($here, "\n");
    echo '  ended with ', $code, "\n";
    $what === 'goes on' && print '  the server got ' . fgets($here);
}
?>
--EXPECT--
A handler that goes on:
  the handler
  LogicException
  ended with 0
  the server got 16777236 bytes, H:1 LogicException
A handler that throws:
  the handler
  DomainException: in the handler
  LogicException
  ended with 0
A handler that throws the same:
  the handler
  LogicException
  ended with 0
A handler that exits:
  the handler
  ended with 7
A handler that ends by a fatal error:
  the handler
  ended with 255
