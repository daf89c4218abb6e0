--TEST--
A result that got to nobody, as the server went away while the function ran, is the same however the function ended
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* Of a non-blocking worker, sendComplete() made work() fail by LOST_CONNECTION, which ends the manual's loop; a result that was
 * returned was lost without a word. */
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

[$function, $peer] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
// What it was sent is unread: its end breaks the connection.
$server = fake_server(function (FakePeer $worker) use ($peer) {
    $worker->res(11, 'H:1', 'f', 'x');
    fgets($peer);
    $worker->close();
    fwrite($peer, "closed\n");
});
foreach ([0, GEARMAN_WORKER_NON_BLOCKING] as $option) {
    echo $option ? "non-blocking\n" : "blocking\n";
    foreach (['sendComplete', 'sendFail', 'return'] as $end) {
        $ran = false;
        $worker = worker(['f' => function (GearmanJob $job) use ($end, $function, &$ran) {
            $ran = true;
            fwrite($function, "now\n");
            fgets($function);
            $end === 'return' || @$job->$end(...($end === 'sendFail' ? [] : ['r']));
            return 'r';
        }], $server->port);
        $worker->addOptions($option);
        // Seldom the system still takes it.
        do {
            $warnings = [];
            $ran = false;
            set_error_handler(function (int $level, string $text) use (&$warnings) {
                error_reporting() & $level && $warnings[] = $text;
            });
            while (!($done = $worker->work()) && !$ran) {
                @$worker->wait();
            }
            restore_error_handler();
        } while ($done);
        show("- $end", code($worker), array_map(fn($text) => strstr($text, ' to ', true), $warnings));
    }
}
--EXPECT--
blocking
- sendComplete: LOST_CONNECTION, ['GearmanWorker::work(): lost connection']
- sendFail: LOST_CONNECTION, ['GearmanWorker::work(): lost connection']
- return: LOST_CONNECTION, ['GearmanWorker::work(): lost connection']
non-blocking
- sendComplete: NO_JOBS, ['GearmanWorker::work(): lost connection']
- sendFail: NO_JOBS, ['GearmanWorker::work(): lost connection']
- return: NO_JOBS, ['GearmanWorker::work(): lost connection']
