--TEST--
Client and worker ask the system to look whether a silent server still lives
--EXTENSIONS--
gearman
pcntl
posix
--SKIPIF--
<?php
is_readable('/proc/net/tcp') or die('skip needs /proc/net/tcp');
--FILE--
<?php
require __DIR__ . '/../api.inc';

/** The timers of this process's connections to the server: 2 is keepalive (Linux' proc_net_tcp.txt). */
function timers(int $port): array
{
    $links = array_map(fn ($fd) => @readlink("/proc/self/fd/$fd"), array_diff(scandir('/proc/self/fd'), ['.', '..']));
    $timers = [];
    foreach (file('/proc/net/tcp') as $line) {
        // number, local, remote, state, queues, timer:jiffies, retries, user, timeout, inode
        $columns = preg_split('/\s+/', trim($line));
        if ($columns[2] === sprintf('0100007F:%04X', $port) && in_array("socket:[$columns[9]]", $links, true)) {
            [$timer, $jiffies] = explode(':', $columns[5]);
            $timers[] = [(int) $timer, intdiv((int) hexdec($jiffies), 100) <= 60];
        }
    }
    return $timers;
}

$client = client();
$client->ping('x');
show('client', fn () => wait_until(fn () => timers((int) getenv('GEARMAN_TEST_TLS') ?: PORT) === [[2, true]]));
unset($client);
$worker = worker([unique_function_name() => fn () => null]);
$worker->setTimeout(1);
$worker->work();
show('worker', fn () => wait_until(fn () => timers((int) getenv('GEARMAN_TEST_TLS') ?: PORT) === [[2, true]]));
?>
--EXPECT--
client: true
worker: true
