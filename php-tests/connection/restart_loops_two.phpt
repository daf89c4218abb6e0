--TEST--
The same loops with two job servers, of which only the second comes back
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../restart_loops.inc';

outlive([start_gearmand(), start_gearmand()], LOOPS);
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
