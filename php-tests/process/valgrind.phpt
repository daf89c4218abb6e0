--TEST--
valgrind: no invalid access and no leak of the module, in a program that uses everything and ends in every way
--EXTENSIONS--
gearman
pcntl
posix
--SKIPIF--
<?php
if (!shell_exec('command -v valgrind')) {
    die('skip needs valgrind');
}
if (getenv('USE_ZEND_ALLOC') === '0') {
    die('skip runs under valgrind already');
}
--FILE--
<?php
require __DIR__ . '/module.inc';

$leaks = [
    '--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite', '--child-silent-after-fork=yes',
];
$runs = [
    'return' => $leaks,
    'exit' => $leaks,
    'fatal' => [...$leaks, '--suppressions=' . __DIR__ . '/valgrind.supp'],
    'exit in function' => $leaks,
    'exit in handler' => $leaks,
    'fatal in function' => [...$leaks, '--suppressions=' . __DIR__ . '/valgrind.supp'],
    'fatal in handler' => [...$leaks, '--suppressions=' . __DIR__ . '/valgrind.supp'],
    'return, with persistent connections' => $leaks,
    'fatal, with persistent connections' => [...$leaks, '--suppressions=' . __DIR__ . '/valgrind.supp'],
    'return, with its children' => [], // which forget what is their parent's: that is no leak
];
$script = __DIR__ . '/everything.inc';
$start = function (string $end, array $options) use ($script) {
    $valgrind = ['valgrind', '-q', '--error-exitcode=77', '--num-callers=30', ...$options];
    $settings = ['-d', 'pcre.jit=0', '-d', 'gearman.persistent=' . (int) str_contains($end, 'persistent')];
    return start_php($valgrind, $settings, [$script, strtok($end, ',')], ['USE_ZEND_ALLOC' => '0', 'ZEND_DONT_UNLOAD_MODULES' => '1']);
};
// A few at a time: each takes seconds of a processor, and what it forks is given a minute and a half.
foreach (array_chunk($runs, 3, true) as $some) {
    $started = array_combine(array_keys($some), array_map($start, array_keys($some), $some));
    foreach ($started as $end => $php) {
        [$code, $output] = finish_php($php, 90);
        // What valgrind says goes between the lines of the program.
        preg_match_all('/^==\d+==.*$/m', $output, $said);
        echo "$end: code $code, ", str_contains($output, "all done\n") && str_contains($output, "data the end\n") ? 'to its end' : "not to its end:\n$output", "\n";
        echo implode("\n", array_slice($said[0], 0, 100)), $said[0] ? "\n" : '';
    }
}
?>
--EXPECT--
return: code 0, to its end
exit: code 0, to its end
fatal: code 255, to its end
exit in function: code 0, to its end
exit in handler: code 0, to its end
fatal in function: code 255, to its end
fatal in handler: code 255, to its end
return, with persistent connections: code 0, to its end
fatal, with persistent connections: code 255, to its end
return, with its children: code 0, to its end
