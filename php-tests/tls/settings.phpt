--TEST--
php.ini: gearman.ssl and the files of TLS, the name of the server, and what phpinfo() says
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';
require __DIR__ . '/../process/module.inc';

$ca = new Authority();
$own = $ca->issue('client');
$server = tls_server($ca->issue(), $ca->file);
$other = tls_server($ca->issue('other', 'DNS:jobs.example.org'));
$try = function (string $what, array $settings, string $code) {
    $options = array_merge(...array_map(fn ($name, $value) => ['-d', "gearman.$name=$value"], array_keys($settings), $settings));
    [$status, $output] = finish_php(start_php([], $options, ['-r', $code]));
    echo "$what: ", trim(preg_replace(['~(?<=\.1):\d+~', '~ in Command line code on line \d+~', '/^(PHP )?Warning:  /m'], '', $output)), $status ? " ($status)" : '', "\n";
};
$ping = fn (int $port) => "ini_set('html_errors', 0); \$c = new GearmanClient(); \$c->addServer('127.0.0.1', $port, false);
    var_dump(\$c->options(), \$c->ping('x'));";
$files = ['ssl_ca_file' => $ca->file, 'ssl_certificate' => $own->file, 'ssl_key' => $own->key];
$try('all', ['ssl' => 1] + $files, $ping($server->tls));
$try('with tls:// alone', $files, "\$w = new GearmanWorker(); \$w->addServer('tls://127.0.0.1', $server->tls); var_dump(\$w->ping('x'));");
$try('gearman.servers', $files + ['servers' => "tls://127.0.0.1:$server->tls"], "var_dump((new GearmanWorker())->ping('x'));");
$try('the environment first', ['ssl' => 1, 'ssl_ca_file' => '/none'] + $files, "putenv('GEARMAND_CA_CERTIFICATE=$ca->file');" . $ping($server->tls));
$try('another name', ['ssl' => 1] + $files, $ping($other->tls));
$try('named', ['ssl' => 1, 'ssl_peer_name' => 'jobs.example.org'] + $files, $ping($other->tls));
$try('not verified', ['ssl' => 1, 'ssl_verify' => 0], $ping($other->tls));
$info = "ob_start(); (new ReflectionExtension('gearman'))->info(); echo implode(preg_grep('/^TLS/', explode(\"\\n\", ob_get_clean())));";
$try('phpinfo()', ['ssl_verify' => 1], $info);
$try('phpinfo()', ['ssl_verify' => 0], $info);
$try('what they may be', ['ssl' => 'maybe', 'ssl_verify' => 'no'], "var_dump(ini_get('gearman.ssl'), ini_get('gearman.ssl_verify'));");

foreach (['ssl_ca_file', 'ssl_certificate', 'ssl_key', 'ssl_peer_name', 'ssl_verify'] as $name) {
    show("ini_set() of $name", ini_set("gearman.$name", '0'), ini_get("gearman.$name"));
}
show('of ssl', ini_set('gearman.ssl', '1'), (new GearmanClient())->options(), (new GearmanWorker())->options() & 1024);
--EXPECT--
all: int(288)
bool(true)
with tls:// alone: bool(true)
gearman.servers: bool(true)
the environment first: int(288)
bool(true)
another name: Warning: GearmanClient::ping(): no TLS connection to 127.0.0.1: the server's certificate is made out to jobs.example.org, not to 127.0.0.1: connect to that name, or say that it is right (peer name)
int(288)
bool(false)
named: int(288)
bool(true)
not verified: int(288)
bool(true)
phpinfo(): TLS => 1.2 and 1.3 (rustls)TLS verification => on
phpinfo(): TLS => 1.2 and 1.3 (rustls)TLS verification => OFF: whoever answers is taken for the server (gearman.ssl_verify=0)
what they may be: string(1) "0"
string(0) ""
ini_set() of ssl_ca_file: false, ''
ini_set() of ssl_certificate: false, ''
ini_set() of ssl_key: false, ''
ini_set() of ssl_peer_name: false, ''
ini_set() of ssl_verify: false, '1'
of ssl: '0', 288, 1024
