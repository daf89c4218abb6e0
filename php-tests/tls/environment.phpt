--TEST--
libgearman's variables: GEARMAND_CA_CERTIFICATE switches TLS on, and gives the CA; two more the certificate and its key
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$own = $ca->issue('client');
$server = tls_server($ca->issue(), $ca->file); // lets in only whom it knows
$connect = function (string $what, ?callable $before = null) use ($server) {
    both_told($what, function (object $object) use ($before, $server) {
        $before && $before($object);
        $object->options() & ($object instanceof GearmanClient ? 256 : 1024) || print("it is off\n");
        $object->addServer(HOST, $server->tls, false);
    });
};
putenv("GEARMAND_CA_CERTIFICATE=$ca->file");
putenv("GEARMAN_CLIENT_PEM=$own->file");
putenv("GEARMAN_CLIENT_KEY=$own->key");
$connect('all three');
$connect('what setSSL() leaves out', fn ($object) => $object->setSSL(true));
$connect('a key alone', fn ($object) => $object->setSSL(true, null, null, $own->key));
putenv('GEARMAN_CLIENT_KEY');
putenv('GEARMAN_CLIENT_PEM=' . $own->together());
$connect('both in one file');
putenv('GEARMAND_CA_CERTIFICATE');
$connect('without a CA', fn ($object) => $object->setSSL(true, $ca->file));
putenv('GEARMAND_CA_CERTIFICATE=');
show('an empty one', (new GearmanClient())->options(), (new GearmanWorker())->options() & 1024);
putenv("GEARMAND_CA_CERTIFICATE=$ca->file");
$client = new GearmanClient();
show('on', $client->options());
show('setSSL(false)', $client->setSSL(false), $client->options());
show('a plain server', $client->addServer(HOST, $server->port), $client->ping('x'));

// A subclass that forgets its parent's constructor, and the functions.
$child = new class () extends GearmanClient {
    public function __construct()
    {
    }
};
show('a subclass', $child->addServer(HOST, $server->tls), $child->ping('x'));
$worker = gearman_worker_create();
show('a function', gearman_worker_add_server($worker, HOST, $server->tls), gearman_worker_ping($worker, 'x'));
--EXPECT--
all three:
  true, SUCCESS
what setSSL() leaves out:
  true, SUCCESS
a key alone:
  true, SUCCESS
both in one file:
  true, SUCCESS
without a CA:
  true, SUCCESS
an empty one: 32, 0
on: 288
setSSL(false): true, 32
a plain server: true, true
a subclass: true, true
a function: true, true
