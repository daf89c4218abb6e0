--TEST--
Names, keys and workloads of any bytes but NUL, and megabytes of any bytes
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$any = implode('', array_map(chr(...), range(0, 255)));
$function = serve(fn(GearmanJob $job) => strrev($job->workload()));
$client = client();
show('every byte', $client->doNormal($function, $any) === strrev($any));
$mixed = str_repeat($any, 12 * 1024);
show('3 MB there and back', strlen($mixed), $client->doNormal($function, $mixed) === strrev($mixed), code($client));
foreach (["caf\u{e9} \u{4f60}", "\xff\xfe", "two words", "tab\tand\nline", '100%s%n'] as $text) {
    $name = unique_function_name($text);
    $client->doBackground($name, $text, $text);
    $worker = worker([$name => fn(GearmanJob $job) => show('job', $job->functionName() === $name, $job->unique(), $job->workload())]);
    $worker->work();
}
--EXPECT--
every byte: true
3 MB there and back: 3145728, true, SUCCESS
job: true, 'caf\303\251 \344\275\240', 'caf\303\251 \344\275\240'
job: true, '\377\376', '\377\376'
job: true, 'two words', 'two words'
job: true, 'tab\tand\nline', 'tab\tand\nline'
job: true, '100%s%n', '100%s%n'
