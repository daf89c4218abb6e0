--TEST--
A thousand forks, as in fork_stress.phpt, with gearman.persistent=1
--INI--
gearman.persistent=1
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/fork_stress.inc';
?>
--EXPECT--
failed:
descriptors more: 0
connections more: 0
background jobs lost: 0
done twice: 0
