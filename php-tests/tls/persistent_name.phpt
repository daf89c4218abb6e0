--TEST--
gearman.persistent=1 and TLS of php.ini: where a connection is kept the server's name is not looked up
--SKIPIF--
<?php
require __DIR__ . '/skipif.inc';
if (!shell_exec('unshare --mount mount --bind /etc/hosts /etc/hosts 2>&1 && echo yes')) {
    die('skip needs the right to mount');
}
--FILE--
<?php
/* It was looked up in each request, and while the name server was away addServer() was false and pages failed. */
require __DIR__ . '/tls.inc';
require __DIR__ . '/../process/module.inc';

$server = tls_server((new Authority())->issue());
$hosts = tls_folder() . '/hosts';
file_put_contents($hosts, '127.0.0.1 gearman-test.invalid');
$folder = dirname(__DIR__);
$script = <<<PHP
    require '$folder/api.inc';
    function ping(): void
    {
        \$client = new GearmanClient();
        show('ping', @\$client->addServer('tls://gearman-test.invalid', $server->tls), @\$client->ping('x'));
    }
    ping();
    file_put_contents('$hosts', '');
    show('its address', gethostbyname('gearman-test.invalid'));
    ping();
    PHP;
$mount = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', $hosts];
$settings = ['-d', 'gearman.persistent=1', '-d', 'gearman.ssl_verify=0'];
echo finish_php(start_php($mount, $settings, ['-r', $script]))[1];
--EXPECT--
ping: true, true
its address: 'gearman-test.invalid'
ping: true, true
