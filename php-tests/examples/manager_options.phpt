--TEST--
examples/manager: --help and what is not an option
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/manager.inc';

foreach (['--help', '-h', '--children=x', '-n', '--nothing=1', 'word', '--functions='] as $option) {
    $process = proc_open([...ManagerProcess::php(), MANAGER . '/manager.php', $option], [1 => ['pipe', 'w'], ['pipe', 'w']], $pipes);
    $says = strtok(stream_get_contents($pipes[1]) . stream_get_contents($pipes[2]), "\n");
    echo "$option: ", proc_close($process), " $says\n";
}
?>
--EXPECT--
--help: 0 Usage: manager.php [OPTION]...
-h: 0 Usage: manager.php [OPTION]...
--children=x: 2 manager.php: cannot make sense of --children=x
-n: 2 manager.php: cannot make sense of --children=
--nothing=1: 2 manager.php: cannot make sense of --nothing=1
word: 2 manager.php: cannot make sense of word
--functions=: 2 manager.php: cannot make sense of --functions=
