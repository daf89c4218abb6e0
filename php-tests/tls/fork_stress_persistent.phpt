--TEST--
Hundreds of forks with TLS and kept connections: as process/fork_stress_persistent.phpt
--INI--
gearman.persistent=1
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
getenv('GEARMAN_TEST_FORKS') || putenv('GEARMAN_TEST_FORKS=300');
require __DIR__ . '/fork_stress.inc';
--EXPECT--
failed:
descriptors more: 0
connections more: 0
background jobs lost: 0
done twice: 0
