<?php

/**
 * large.php PORT FUNCTION MEGABYTES [CERTIFICATES]: sends so many at once, and gets them back as they were, or backwards where
 * the function's name says so. With TLS where there is a folder of certificates. Prints a line.
 */

[, $port, $function, $megabytes, $folder] = $argv + [4 => null];
$client = new GearmanClient();
$folder === null || $client->setSSL(true, "$folder/ca.pem", "$folder/client.pem", "$folder/client.key");
$client->addServer('127.0.0.1', (int) $port);
$client->setTimeout(60_000);
$bytes = "\0begin" . str_repeat(random_bytes(1 << 20), (int) $megabytes) . "end\0";
$wanted = str_contains($function, 'reverse') ? strrev($bytes) : $bytes;
$got = $client->doNormal($function, $bytes);
$what = "$megabytes MB each way, by $function";
echo $got === $wanted ? "ok   $what\n" : "FAIL $what: " . strlen($got) . ' bytes came back. ' . $client->error() . "\n";
