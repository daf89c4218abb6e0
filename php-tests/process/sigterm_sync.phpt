--TEST--
A handler for SIGTERM ends an idle worker's loop at once (without async signals)
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/sigterm.inc';
sigterm_ends_an_idle_loop(async: false);
--EXPECTF--
last work(): true, SUCCESS
ended %f ms after the signal
exit code 0
