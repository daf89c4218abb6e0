--TEST--
opcache and its JIT: a program that uses everything, many times
--EXTENSIONS--
gearman
pcntl
posix
--SKIPIF--
<?php
exec(escapeshellarg(PHP_BINARY) . ' -n ' . (PHP_VERSION_ID < 80500 ? '-d zend_extension=opcache' : '')
    . ' -d opcache.enable_cli=1 -d opcache.jit=tracing -d opcache.jit_buffer_size=1M -r '
    . escapeshellarg('exit((opcache_get_status(false)["jit"]["enabled"] ?? false) ? 0 : 1);') . ' 2>&1', $lines, $status);
if ($status !== 0) {
    die('skip needs opcache with a JIT');
}
--FILE--
<?php
require __DIR__ . '/module.inc';

$started = [];
foreach (['tracing exit', 'tracing fatal', '1254 exit', '1254 fatal', '1205 exit in function', 'off exit'] as $how) {
    [$jit, $end] = explode(' ', $how, 2);
    $options = [];
    foreach ([
        ...(PHP_VERSION_ID < 80500 ? ['zend_extension=opcache'] : []), 'opcache.enable_cli=1', "opcache.jit=$jit", 'opcache.jit_buffer_size=32M', 'opcache.jit_hot_func=2',
        'opcache.jit_hot_loop=2', 'opcache.jit_hot_return=2', 'opcache.file_update_protection=0',
    ] as $setting) {
        array_push($options, '-d', $setting);
    }
    $code = 'fprintf(STDOUT, "jit %s\n", var_export(opcache_get_status(false)["jit"]["on"] ?? false, true));'
        . '$argv = [1 => ' . var_export($end, true) . ', 2 => "8"]; require ' . var_export(__DIR__ . '/everything.inc', true) . ';';
    $started[$how] = start_php([], $options, ['-r', $code]);
}
foreach ($started as $how => $php) {
    [$code, $output] = finish_php($php);
    echo "== $how: code $code\n$output";
}
?>
--EXPECT--
== tracing exit: code 0
jit true
all done
data the end
== tracing fatal: code 255
jit true
all done
data the end
== 1254 exit: code 0
jit true
all done
data the end
== 1254 fatal: code 255
jit true
all done
data the end
== 1205 exit in function: code 0
jit true
all done
data the end
== off exit: code 0
jit false
all done
data the end
