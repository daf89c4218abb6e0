--TEST--
A server that listens on IPv6 alone: by address with and without brackets, and in a list
--EXTENSIONS--
gearman
pcntl
posix
--SKIPIF--
<?php
@stream_socket_server('tcp://[::1]:0') or die('skip needs IPv6');
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

// A way from ::1 to the server, which listens on IPv4.
$listener = stream_socket_server('tcp://[::1]:0');
$port = (int) substr(strrchr(stream_socket_get_name($listener, false), ':'), 1);
spawn(function () use ($listener) {
    $other = [];
    for (;;) {
        $ready = [$listener, ...array_column($other, 0)];
        $none = [];
        stream_select($ready, $none, $none, 90);
        foreach ($ready as $from) {
            if ($from === $listener) {
                [$near, $far] = [stream_socket_accept($listener), stream_socket_client('tcp://' . HOST . ':' . PORT)];
                $other[(int) $near] = [$near, $far];
                $other[(int) $far] = [$far, $near];
            } elseif (in_array($piece = fread($from, 1 << 16), ['', false], true)) {
                foreach ($other[(int) $from] ?? [] as $end) {
                    unset($other[(int) $end]);
                    fclose($end);
                }
                break;
            } else {
                fwrite($other[(int) $from][1], $piece);
            }
        }
    }
}, clean: false);

$reverse = unique_function_name();
serving([$reverse => fn ($job) => strrev($job->workload())]);
foreach (['::1', '[::1]'] as $host) {
    $client = new GearmanClient();
    show("addServer($host)", $client->addServer($host, $port), $client->doNormal($reverse, 'abc'));
}
foreach (["[::1]:$port", "unix:///no/such/path,[::1]:$port"] as $list) {
    $client = new GearmanClient();
    show(preg_replace('/\d{2,}/', 'PORT', $list), $client->addServers($list, false), $client->doNormal($reverse, 'abc'));
}
$worker = new GearmanWorker();
$worker->addServer('::1', $port);
$worker->addFunction($own = unique_function_name(), fn () => null);
client()->doBackground($own, 'x');
show('worker', $worker->work());

// Said with brackets where it cannot be reached.
fclose($listener);
$client = new GearmanClient();
$name = '[::1]:' . free_port();
$client->addServers($name, false);
[, $warnings] = heard(fn () => $client->doNormal('f', 'x'));
show('nobody there', str_replace($name, '[::1]:PORT', $warnings[0]), code($client));
?>
--EXPECT--
addServer(::1): true, 'cba'
addServer([::1]): true, 'cba'
[::1]:PORT: true, 'cba'
unix:///no/such/path,[::1]:PORT: true, 'cba'
worker: true
nobody there: 'GearmanClient::doNormal(): could not connect to [::1]:PORT: Connection refused', COULD_NOT_CONNECT
