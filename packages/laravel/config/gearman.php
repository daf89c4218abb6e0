<?php

// A connection of config/queue.php: QUEUE_CONNECTION=gearman makes it the default.
return [
    'driver' => 'gearman',

    // One or more, separated by commas: host:port.
    'servers' => env('GEARMAN_QUEUE_SERVERS', '127.0.0.1:4730'),

    // The queue of jobs that name none. Each queue is a function of the servers.
    'queue' => env('GEARMAN_QUEUE', 'default'),

    // Seconds that queue:work waits for a job at the last of its queues, before it sleeps (--sleep).
    'block_for' => 1,

    // Seconds after which a server gives the job of a worker that has vanished to another one, or null: when it notices.
    // Longer than any job takes, and than queue:work's --timeout.
    'retry_after' => null,

    // Jobs wait for open database transactions to be committed.
    'after_commit' => false,

    // Seconds in which a server has to answer, and the largest job to arrive.
    'timeout' => 5,

    // TLS, and the files of the CA, of our certificate and of its key; these may be null.
    'tls' => env('GEARMAN_QUEUE_TLS', false),
    'ca_file' => env('GEARMAN_QUEUE_CA_FILE'),
    'certificate' => env('GEARMAN_QUEUE_CERTIFICATE'),
    'key' => env('GEARMAN_QUEUE_KEY'),
];
