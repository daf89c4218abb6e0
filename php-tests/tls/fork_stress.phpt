--TEST--
A thousand forks with TLS: as process/fork_stress.phpt
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/fork_stress.inc';
--EXPECT--
failed:
descriptors more: 0
connections more: 0
background jobs lost: 0
done twice: 0
