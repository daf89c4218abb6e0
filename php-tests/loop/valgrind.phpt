--TEST--
valgrind: no invalid access and no leak of a loop, however it ends
--EXTENSIONS--
gearman
pcntl
posix
--SKIPIF--
<?php
shell_exec('command -v valgrind') or die('skip needs valgrind');
getenv('USE_ZEND_ALLOC') === '0' and die('skip runs under valgrind already');
--FILE--
<?php
require __DIR__ . '/../process/module.inc';

$leaks = ['--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite', '--child-silent-after-fork=yes'];
// Valgrind takes what ring's assembly makes for undefined: see tls/valgrind.phpt.
$tls = getenv('GEARMAN_TEST_TLS') ? ['--undef-value-errors=no'] : [];
$after_fatal = '--suppressions=' . __DIR__ . '/../process/valgrind.supp';
$start = function (string $end) use ($leaks, $tls, $after_fatal) {
    $options = $end === 'fatal' ? [...$leaks, $after_fatal] : $leaks;
    $valgrind = ['valgrind', '-q', '--error-exitcode=77', '--num-callers=30', ...$tls, ...$options];
    $settings = ['-d', 'pcre.jit=0', '-d', 'gearman.connect_timeout=60000']; // a handshake takes seconds here
    return start_php($valgrind, $settings, [__DIR__ . '/everything.inc', $end], ['USE_ZEND_ALLOC' => '0', 'ZEND_DONT_UNLOAD_MODULES' => '1']);
};
foreach (array_chunk(['return', 'exit', 'throw', 'fatal', 'object gone', 'fiber gone', 'fork'], 3) as $some) {
    foreach (array_combine($some, array_map($start, $some)) as $end => $php) {
        [$code, $output] = finish_php($php, 200);
        preg_match_all('/^==\d+==.*$/m', $output, $said);
        echo "$end: code $code, ", str_contains($output, "all done\n") ? 'to its end' : "not to its end:\n$output", "\n";
        echo implode("\n", array_slice($said[0], 0, 100)), $said[0] ? "\n" : '';
    }
}
--EXPECT--
return: code 0, to its end
exit: code 0, to its end
throw: code 255, to its end
fatal: code 255, to its end
object gone: code 0, to its end
fiber gone: code 0, to its end
fork: code 0, to its end
