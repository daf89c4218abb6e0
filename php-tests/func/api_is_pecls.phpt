--TEST--
The API is pecl gearman 2.2.1's but for deliberate differences: as the stub declares it, and as the loaded module has it
--SKIPIF--
<?php function_exists('proc_open') or die('skip needs proc_open');
--FILE--
<?php
$root = getenv('GEARMAN_TEST_ROOT');
$recorded = __DIR__ . '/../data/pecl-2.1.5-api.json';
$tool = __DIR__ . '/../tools/compare_api.php';

// The stub, in a PHP without the module.
$process = proc_open([PHP_BINARY, '-n', $tool, "$root/stubs/gearman.stub.php", $recorded], [1 => ['pipe', 'w'], 2 => ['redirect', 1]], $pipes);
$output = stream_get_contents($pipes[1]);
echo "stub:\n$output", 'exit code ', proc_close($process), "\n";

// The module that this test has loaded. The tool ends by exit(); it has a line for each difference.
register_shutdown_function(fn() => print("end\n"));
echo "module:\n";
$argv = $_SERVER['argv'] = [$tool, '-', $recorded];
$argc = $_SERVER['argc'] = 3;
require $tool;
--EXPECT--
stub:
exit code 0
module:
end
