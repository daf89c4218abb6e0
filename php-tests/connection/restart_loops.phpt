--TEST--
The loops that worker programs are made of outlive a restart of the job server, while they are idle and while a job runs
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../restart_loops.inc';

outlive([start_gearmand()], LOOPS);
?>
--EXPECT--
the manual's: one two three
GearmanManager's: one two three
work() or wait(), non-blocking: one two three
work() alone, non-blocking: one two three
work() for ever: one two three
work() for ever, with a timeout: one two three
grabJob(): one two three
grabJob(), non-blocking: one two three
wait() and grabJob(): one two three
