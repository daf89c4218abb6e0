--TEST--
No mix of work(), wait() and grabJob() makes a hundred rounds a second while no server is there, whatever the worker's kind
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

$gone = start_gearmand();
$closes = fake_server(fn(FakePeer $peer) => null);
$never = free_port();
$servers = [
    'never up' => [$never],
    'gone' => [$gone->port],
    'closes what it accepts' => [$closes->port],
    'three' => [$never, $gone->port, $closes->port],
];
$mixes = [['work'], ['grabJob'], ['wait', 'grabJob'], ['work', 'wait', 'grabJob']];

/** The calls that a worker makes in a second, one after the other. */
function rounds(GearmanWorker $worker, array $mix): int
{
    $end = hrtime(true) + 1e9;
    for ($n = 0; hrtime(true) < $end; $n++) {
        @$worker->{$mix[$n % count($mix)]}();
    }
    return $n;
}

$children = [];
foreach ($servers as $where => $ports) {
    foreach ([0, GEARMAN_WORKER_NON_BLOCKING] as $options) {
        foreach ([-1, 0, 1, 15] as $timeout) {
            [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
            $pid = spawn(function () use ($ports, $options, $timeout, $theirs, $mixes) {
                $worker = new GearmanWorker();
                $worker->addServers(HOST . ':' . implode(',' . HOST . ':', $ports), false);
                @$worker->ping('are you there?');
                $worker->addOptions($options);
                $timeout < 0 || $worker->setTimeout($timeout);
                $worker->addFunction('f', fn() => '');
                fwrite($theirs, "ready\n");
                fgets($theirs); // the server is gone by now
                fwrite($theirs, json_encode(array_map(fn(array $mix) => rounds($worker, $mix), $mixes)) . "\n");
            });
            fclose($theirs);
            $children["$where, options $options, timeout $timeout"] = [$pid, $ours];
        }
    }
}
foreach ($children as [, $socket]) {
    stream_set_timeout($socket, 120);
    echo trim(str_replace('ready', '', (string) fgets($socket)));
}
$gone->stop(SIGKILL);
array_map(fn(array $child) => fwrite($child[1], "\n"), $children);
$most = 0;
foreach ($children as $what => [$pid, $socket]) {
    foreach (json_decode((string) fgets($socket)) as $i => $rounds) {
        $rounds < 100 || print "$what: $rounds rounds of " . implode(', ', $mixes[$i]) . "\n";
        $most = max($most, $rounds);
    }
    wait_child($pid) === 0 || print "$what: ended badly\n";
}
echo $most > 0 ? count($children) * count($mixes) . " loops\n" : "no loop did anything\n";
?>
--EXPECT--
128 loops
