#!/usr/bin/env php
<?php

/** Keeps a number of Gearman workers running. See README.md, or --help. */

declare(strict_types=1);

require __DIR__ . '/Manager.php';
require __DIR__ . '/Child.php';

const OPTIONS = [ // name => default, unit, what it is for
    'children' => ['3', 'N', 'children to keep running; -n N is the same'],
    'servers' => ['127.0.0.1:4730', 'LIST', 'job servers, such as 10.0.0.1:4730,10.0.0.2:4730'],
    'functions' => [__DIR__ . '/functions.php', 'PATH', 'a file that returns [name => callable], or a directory of such'],
    'max-jobs' => ['0', 'N', 'a child ends after so many jobs; 0: never'],
    'max-lifetime' => ['0', 'S', 'and after so many seconds; 0: never'],
    'max-memory' => ['128', 'MB', 'and once it uses so much memory; 0: never'],
    'stop-timeout' => ['30', 'S', 'a child that was told to stop is killed after so many seconds'],
];

function help(): void
{
    echo "Usage: manager.php [OPTION]...\nKeeps Gearman workers running.\n\n";
    foreach (OPTIONS as $name => [$default, $unit, $what]) {
        printf("  --%-16s %s (%s)\n", "$name=$unit", $what, basename($default));
    }
    echo "\nSIGTERM, SIGINT: stop once the running jobs have ended.\nSIGUSR1: print what the children do.\n",
        "SIGHUP: replace the children one after another, with the code as it is now.\n";
}

if (array_intersect(['-h', '--help'], $argv)) {
    help();
    exit(0);
}
$options = array_map(fn(array $option) => $option[0], OPTIONS);
for ($words = array_slice($argv, 1); $words;) {
    $word = array_shift($words);
    $word = $word === '-n' ? '--children=' . array_shift($words) : $word;
    [$name, $value] = explode('=', substr($word, 2), 2) + ['', ''];
    $pattern = is_numeric(OPTIONS[$name][0] ?? '') ? '/^\d{1,9}$/D' : '/./';
    if (!str_starts_with($word, '--') || !isset(OPTIONS[$name]) || !preg_match($pattern, $value)) {
        fwrite(STDERR, "manager.php: cannot make sense of $word\nTry --help.\n");
        exit(2);
    }
    $options[$name] = $value;
}
exit((new Manager($options))->run());
