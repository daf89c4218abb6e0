--TEST--
Descriptors below 3 are never ours: a process may have closed its input, output and error output
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
/* A daemon that has closed them got the server's socket as its output, or the runtime's epoll set as its input: what it
   printed went to the job server. */
require __DIR__ . '/module.inc';

foreach ([
    'as usual' => ['', ''],
    'all' => ['<&- >&- 2>&-', ''],
    'input' => ['<&-', ''],
    'output' => ['>&-', ''],
    'error output' => ['2>&-', ''],
    'input and error output' => ['<&- 2>&-', ''],
    'by the program' => ['', 'STDIN,STDOUT,STDERR'],
    'input by the program' => ['', 'STDIN'],
    'output by the program' => ['', 'STDOUT'],
] as $what => [$redirect, $close]) {
    $file = tempnam(getenv('GEARMAN_TEST_DIR'), 'closed');
    $started = start_php(['sh', '-c', "exec \"\$@\" $redirect", 'sh'], ['-d', 'display_errors=0'], [__DIR__ . '/closed_stdio.inc', $file, $close]);
    finish_php($started); // its code is 255 where PHP itself misses its output
    echo "$what\n", preg_replace('/^/m', '  ', trim(file_get_contents($file))), "\n";
}
--EXPECT--
as usual
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
all
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
input
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
output
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
error output
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
input and error output
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
by the program
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
input by the program
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
output by the program
  parent work true
  parent cba
  parent run true
  child work true
  child cba
  child run true
  parent again work true
  parent again cba
  parent again run true
  the end
