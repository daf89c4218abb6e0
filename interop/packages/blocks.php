<?php

// The blocks of a page in one language: php blocks.php PAGE LANGUAGE. Each is followed by a line of a single NUL.

declare(strict_types=1);

preg_match_all('/^```' . $argv[2] . '\b.*?\n(.*?)^```$/ms', file_get_contents($argv[1]), $found);
foreach ($found[1] as $block) {
    echo $block, "\0";
}
