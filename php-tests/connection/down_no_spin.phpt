--TEST--
work() and wait() while the server is down: the first failure is told at once, further calls wait without using the CPU
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../fake_server.inc';

function cpu_seconds(): float
{
    $used = getrusage();
    return $used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec'] + ($used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']) / 1e6;
}

foreach (['no timeout', 'a timeout of 50 ms'] as $how) {
    // The port led to a server; now connections are refused.
    $server = fake_server(fn(FakePeer $peer) => $peer->until(39));
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $server->port);
    $worker->addFunction('f', fn() => '');
    $how === 'no timeout' || $worker->setTimeout(50);
    $server->close();
    $begin = hrtime(true);
    for ($first = 0; $first < 3 && $worker->returnCode() !== GEARMAN_COULD_NOT_CONNECT; $first++) {
        [$result] = heard(fn() => $worker->work()); // the first may tell of the lost connection
    }
    $seconds = (hrtime(true) - $begin) / 1e9;
    echo "$how: ", var_export($result, true), ', code ', $worker->returnCode(), $seconds < 1.5 ? ' soon' : " after $seconds s", "\n";
    $cpu = cpu_seconds();
    $codes = $texts = [];
    for ($i = 0; $i < ($how === 'no timeout' ? 4 : 20); $i++) {
        [$result, $warnings] = heard(fn() => $worker->work());
        $result && print "true?\n";
        $codes[$worker->returnCode()] = true;
        $worker->error() || print "no text\n";
        foreach ($warnings as $warning) {
            $texts[str_replace(HOST . ":$server->port", 'HOST:PORT', $warning)] = true;
        }
    }
    $used = cpu_seconds() - $cpu;
    // 20 calls that spin for 50 ms each would use a second.
    echo $used < 0.3 ? 'little CPU time' : "$used s of CPU time", ', only COULD_NOT_CONNECT and TIMEOUT: ',
        json_encode(array_diff(array_keys($codes), [GEARMAN_COULD_NOT_CONNECT, GEARMAN_TIMEOUT]) === []), "\n";
    echo implode("\n", array_keys($texts)), "\n";
}

// A busy loop as programs have it, with a server that accepts and closes: no spinning either.
$server = fake_server(fn(FakePeer $peer) => $peer->until(39));
$worker = new GearmanWorker();
$worker->addServer(HOST, $server->port);
$worker->addFunction('f', fn() => '');
$worker->setTimeout(50);
$cpu = cpu_seconds();
$deadline = microtime(true) + 1;
for ($calls = 0; microtime(true) < $deadline; $calls++) {
    heard(fn() => $worker->work());
}
$used = cpu_seconds() - $cpu;
echo 'accepted and closed: ', $used < 0.5 ? 'little CPU time' : "$used s of CPU time in $calls calls", "\n";
?>
--EXPECT--
no timeout: false, code 26 soon
little CPU time, only COULD_NOT_CONNECT and TIMEOUT: true
GearmanWorker::work(): could not connect to HOST:PORT: Connection refused
a timeout of 50 ms: false, code 26 soon
little CPU time, only COULD_NOT_CONNECT and TIMEOUT: true
GearmanWorker::work(): could not connect to HOST:PORT: Connection refused
accepted and closed: little CPU time
