<?php

/**
 * waiting.php PORT KEY COUNT: waits until so many clients wait for the job with this key. Only a packet
 * that no tool sends can ask for that.
 */

[, $port, $key, $count] = $argv;
const REQUEST = 41, ANSWER = 42; // GET_STATUS_UNIQUE, STATUS_RES_UNIQUE

$socket = stream_socket_client("tcp://127.0.0.1:$port", $errno, $error, 5) ?: exit("$error\n");
stream_set_timeout($socket, 5);
for ($deadline = microtime(true) + 10; microtime(true) < $deadline; usleep(5000)) {
    fwrite($socket, "\0REQ" . pack('NN', REQUEST, strlen($key)) . $key);
    ['type' => $type, 'size' => $size] = unpack('Ntype/Nsize', substr(stream_get_contents($socket, 12), 4));
    // key, known, running, numerator, denominator, clients
    $answer = explode("\0", stream_get_contents($socket, $size));
    $type === ANSWER || exit("answered by packet $type\n");
    if ($answer[5] === $count) {
        exit(0);
    }
}
exit("waited in vain for $count clients, there are $answer[5]\n");
