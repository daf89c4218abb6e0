<?php

/**
 * packets.php PORT COMMAND [ARGUMENT...] [, COMMAND...]: packets sent over one connection. Prints the arguments of the answer to the
 * last of them, NUL as |.
 */
require __DIR__ . '/packet.inc';

[, $port] = $argv;
$server = fsockopen('127.0.0.1', (int) $port);
stream_set_timeout($server, 20);
$words = [];
foreach ([...array_slice($argv, 2), ','] as $word) {
    if ($word !== ',') {
        $words[] = $word;
        continue;
    }
    fwrite($server, packet(constant($words[0]), ...array_slice($words, 1)));
    $words = [];
}
[, $length] = parse_header(stream_get_contents($server, 12));
echo str_replace("\0", '|', stream_get_contents($server, $length));
