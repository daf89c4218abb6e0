--TEST--
A thousand forks with TLS: as process/fork_stress.phpt
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$own = $ca->issue('client');
$server = tls_server($ca->issue(), $ca->file);
putenv("GEARMAND_CA_CERTIFICATE=$ca->file");
putenv("GEARMAN_CLIENT_PEM=$own->file");
putenv("GEARMAN_CLIENT_KEY=$own->key");
require __DIR__ . '/../process/fork_stress.inc';
?>
--EXPECT--
failed:
descriptors more: 0
connections more: 0
background jobs lost: 0
done twice: 0
