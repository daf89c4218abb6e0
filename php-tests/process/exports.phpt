--TEST--
The module exports get_module and nothing else; every symbol that it needs exists
--SKIPIF--
<?php
PHP_OS_FAMILY === 'Linux' or die('skip needs Linux');
exec('nm --version 2>/dev/null', $lines, $status);
$status === 0 or die('skip needs nm');
--FILE--
<?php
// The module that this process runs with.
preg_match('~^.* (/.*gearman_rs.*\.so)$~m', file_get_contents('/proc/self/maps'), $match);
$module = escapeshellarg($match[1]);
exec("nm -D --defined-only $module", $symbols);
echo implode("\n", preg_replace('/^\S+ /', '', $symbols)), "\n";

// All symbols are looked up when it is loaded, not when first used.
passthru('LD_BIND_NOW=1 ' . escapeshellarg(PHP_BINARY) . " -n -d extension=$module -r " . escapeshellarg('
    echo get_class(new GearmanClient), " ", get_class(new GearmanWorker), "\n";
') . ' 2>&1', $status);
echo "exit code $status\n";
--EXPECT--
T get_module
GearmanClient GearmanWorker
exit code 0
