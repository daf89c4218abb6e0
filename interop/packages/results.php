<?php

// What PHPUnit's file of results says, as lines of checks: php results.php FILE.

declare(strict_types=1);

$xml = @simplexml_load_file($argv[1]);
if ($xml === false) {
    exit("FAIL PHPUnit came to no end\n");
}
foreach ($xml->xpath('//testcase') as $test) {
    $state = match (true) {
        isset($test->failure), isset($test->error), isset($test->warning) => 'FAIL',
        isset($test->skipped) => 'skip',
        default => 'ok  ',
    };
    printf("%s %s: %s\n", $state, substr(strrchr('\\' . $test['class'], '\\'), 1), $test['name']);
}
