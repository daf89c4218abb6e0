--TEST--
No threads with TLS either, and no descriptor is left open
--SKIPIF--
<?php
require __DIR__ . '/skipif.inc';
is_readable('/proc/self/status') or die('skip needs /proc');
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$server = tls_server($ca->issue());
$silent = fake_server(fn (FakePeer $peer) => $peer->wait());
$function = unique_function_name();
$waits = [
    'doNormal()' => fn () => tls_client($server, $ca->file)->doNormal($function, 'x'),
    'work()' => fn () => tls_worker($server, $ca->file, [unique_function_name() => strrev(...)])->work(),
    'the handshake' => fn () => tls_client($silent->port, $ca->file),
];
foreach ($waits as $name => $wait) {
    $child = spawn($wait, clean: false);
    $status = wait_until(function () use ($child) {
        $status = file_get_contents("/proc/$child/status");
        $open = array_map(fn ($fd) => (string) @readlink($fd), glob("/proc/$child/fd/*"));
        return in_array('anon_inode:[eventpoll]', $open, true) && preg_match('/^State:\s+S/m', $status) ? $status : null;
    }, 10, "$name to wait");
    preg_match('/^Threads:\s+(\d+)/m', $status, $match);
    echo "$name: $match[1]\n";
    stop_child($child, SIGKILL);
}
$descriptors = fn () => count(scandir('/proc/self/fd'));
tls_client($server, $ca->file)->ping('x');
$before = $descriptors();
for ($i = 0; $i < 50; $i++) {
    tls_client($server, $ca->file)->ping('x');
    unset($worker);
    $worker = tls_worker($server, $ca->file);
    $worker->ping('x');
}
unset($worker);
show('descriptors more', $descriptors() - $before);
--EXPECT--
doNormal(): 1
work(): 1
the handshake: 1
descriptors more: 0
