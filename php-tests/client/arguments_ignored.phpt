--TEST--
Where pecl does not count arguments, too many do no harm
--SKIPIF--
<?php
PHP_DEBUG and die('skip a debug PHP ends here: declared without parameters, and yet no error, as in pecl');
--FILE--
<?php
require __DIR__ . '/../api.inc';

show('new GearmanTask(1)', fn() => new GearmanTask(1));
show('new GearmanJob(1)', fn() => new GearmanJob(1));
show('gearman_version(1)', fn() => gearman_version(1) === gearman_version());
--EXPECT--
new GearmanTask(1): a GearmanTask
new GearmanJob(1): a GearmanJob
gearman_version(1): true
