<?php

// What a page shows: php shown.php commands PAGE WORD: the first block of commands that has the word; php shown.php program PAGE WORD: the
// first one of PHP. php shown.php files PAGE FOLDER: that each block of YAML is a file of the folder, as a line of a check.

declare(strict_types=1);

[, $what, $page, $where] = $argv;
$language = ['commands' => 'sh', 'program' => 'php', 'files' => 'yaml'][$what];
preg_match_all("/^```$language\\b.*?\n(.*?)^```$/ms", file_get_contents($page), $found);
if ($what !== 'files') {
    echo current(array_filter($found[1], static fn (string $block) => str_contains($block, $where)));
    exit;
}
$files = array_map(file_get_contents(...), glob("$where/*.yaml"));
foreach ($found[1] as $n => $block) {
    echo in_array($block, $files, true) ? 'ok  ' : 'FAIL', " $page: YAML ", $n + 1, " is a file of the application\n";
}
