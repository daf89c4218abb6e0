--TEST--
A thousand forks: children use what is their parent's and end in every way, and nobody's job is lost
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
