--TEST--
With opcache and its JIT: a program that uses every class, each callback compiled
--SKIPIF--
<?php
extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
exec(escapeshellarg(PHP_BINARY) . ' -n -d zend_extension=opcache -d opcache.enable_cli=1 -d opcache.jit_buffer_size=1M -r '
    . escapeshellarg('exit((opcache_get_status(false)["jit"]["enabled"] ?? false) ? 0 : 1);') . ' 2>&1', $lines, $status);
$status === 0 or die('skip needs opcache with a JIT');
--FILE--
<?php
preg_match('~^.* (/.*gearman_rs.*\.so)$~m', file_get_contents('/proc/self/maps'), $match);
$load = "-n -d zend_extension=opcache -d opcache.enable_cli=1 -d opcache.jit_buffer_size=32M -d opcache.jit_hot_func=2 -d extension=$match[1]";
foreach (['pcntl', 'posix'] as $name) { // where they are modules
    exec(escapeshellarg(PHP_BINARY) . ' -n -m', $built_in);
    $load .= in_array($name, $built_in, true) ? '' : " -d extension=$name";
}
foreach (['tracing', '1205', '1254'] as $jit) {
    foreach (['return', 'exit', 'fatal'] as $end) {
        echo "$jit, $end\n";
        passthru(escapeshellarg(PHP_BINARY) . " $load -d opcache.jit=$jit " . escapeshellarg(__DIR__ . '/every_class.inc') . " $end 2>&1", $code);
        echo "exit code $code\n";
    }
}
--EXPECT--
tracing, return
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 0
tracing, exit
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 0
tracing, fatal
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 255
1205, return
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 0
1205, exit
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 0
1205, fatal
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 255
1254, return
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 0
1254, exit
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 0
1254, fatal
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit code 255
