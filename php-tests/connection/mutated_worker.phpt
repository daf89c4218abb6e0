--TEST--
Worker and a server whose answers are changed at random: no call hangs, nothing leaks, and a good server is served afterwards
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/liar.inc';

worker_exchanges();
?>
--EXPECT--
wrong:
descriptors more: 0
