--TEST--
Under valgrind: a program that uses every class, ended by return, exit() and a fatal error
--SKIPIF--
<?php
extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
PHP_OS_FAMILY === 'Linux' or die('skip needs Linux');
getenv('USE_ZEND_ALLOC') === '0' and die('skip runs under valgrind already');
exec('valgrind --version 2>/dev/null', $lines, $status);
$status === 0 or die('skip needs valgrind');
--FILE--
<?php
preg_match('~^.* (/.*gearman_rs.*\.so)$~m', file_get_contents('/proc/self/maps'), $match);
$load = ['-n', '-d', 'pcre.jit=0', '-d', "extension=$match[1]"];
foreach (['pcntl', 'posix'] as $name) { // where they are modules
    exec(escapeshellarg(PHP_BINARY) . ' -n -m', $built_in);
    in_array($name, $built_in, true) || array_push($load, '-d', "extension=$name");
}
$environment = ['USE_ZEND_ALLOC' => '0', 'ZEND_DONT_UNLOAD_MODULES' => '1'] + getenv();
$running = [];
foreach (['return', 'exit', 'fatal'] as $end) {
    // After a fatal error PHP itself frees nothing but its heap, which USE_ZEND_ALLOC=0 does away with.
    $leaks = $end === 'fatal' ? [__DIR__ . '/../valgrind_fatal.supp'] : [];
    $suppressions = array_map(fn($file) => "--suppressions=$file", [__DIR__ . '/../valgrind.supp', ...$leaks]);
    $valgrind = ['valgrind', '-q', '--error-exitcode=77', '--num-callers=40', ...$suppressions,
        '--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite'];
    $command = [...$valgrind, PHP_BINARY, ...$load, __DIR__ . '/every_class.inc', $end];
    $output = __DIR__ . "/valgrind_$end.log";
    $running[$end] = [proc_open($command, [['null'], ['file', $output, 'a'], ['file', $output, 'a']], $pipes, env_vars: $environment), $output];
}
foreach ($running as $end => [$process, $output]) {
    $code = proc_close($process);
    echo "$end: exit code $code\n", file_get_contents($output);
    unlink($output);
}
--EXPECT--
return: exit code 0
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
exit: exit code 0
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
fatal: exit code 255
child: 0
{"Complete":6,"Created":12,"Data":2,"Exception":2,"Fail":2,"Status":4,"Warning":2}
the end
