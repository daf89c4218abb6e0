--TEST--
valgrind: no invalid access and no leak with TLS, in a program that uses everything and ends in every way
--SKIPIF--
<?php
require __DIR__ . '/skipif.inc';
if (!shell_exec('command -v valgrind')) {
    die('skip needs valgrind');
}
if (getenv('USE_ZEND_ALLOC') === '0') {
    die('skip runs under valgrind already');
}
--FILE--
<?php
require __DIR__ . '/tls.inc';
require __DIR__ . '/../process/module.inc';

$ca = new Authority();
$own = $ca->issue('client');
$server = tls_server($ca->issue(), $ca->file);
$fatal = '--suppressions=' . dirname(__DIR__) . '/process/valgrind.supp';
// Valgrind takes the tags of ring's assembly for undefined, wherever they are compared or sent, and what function that is depends on
// the compiler. Undefined values are process/valgrind.phpt's: the same program, without TLS.
$tags = '--undef-value-errors=no';
$start = function (string $end) use ($ca, $own, $server, $fatal, $tags) {
    $valgrind = ['valgrind', '-q', '--error-exitcode=77', '--num-callers=30', '--leak-check=full', '--show-leak-kinds=definite',
        '--errors-for-leak-kinds=definite', '--child-silent-after-fork=yes', $tags, ...(str_contains($end, 'fatal') ? [$fatal] : [])];
    $settings = ['pcre.jit=0', 'gearman.ssl=1', "gearman.ssl_ca_file=$ca->file", "gearman.ssl_certificate=$own->file",
        "gearman.ssl_key=$own->key", 'gearman.connect_timeout=60000', 'gearman.persistent=' . (int) str_contains($end, 'persistent')];
    return start_php(
        $valgrind,
        array_merge(...array_map(fn ($setting) => ['-d', $setting], $settings)),
        [dirname(__DIR__) . '/process/everything.inc', strtok($end, ',')],
        ['USE_ZEND_ALLOC' => '0', 'ZEND_DONT_UNLOAD_MODULES' => '1', 'GEARMAN_TEST_PORT' => (string) $server->tls],
    );
};
$started = array_map($start, ['return', 'fatal in function', 'return, persistent']);
foreach ($started as $php) {
    [$code, $output] = finish_php($php, 200);
    preg_match_all('/^==\d+==.*$/m', $output, $said);
    echo "code $code, ", str_contains($output, "all done\n") && str_contains($output, "data the end\n") ? 'to its end' : "not to its end:\n$output", "\n";
    echo implode("\n", array_slice($said[0], 0, 100)), $said[0] ? "\n" : '';
}
--EXPECT--
code 0, to its end
code 255, to its end
code 0, to its end
