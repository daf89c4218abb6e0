<?php

// The connection itself is what the package brings.
return [
    'default' => env('QUEUE_CONNECTION', 'sync'),
    'connections' => [],
    'failed' => ['driver' => 'database-uuids', 'database' => 'sqlite', 'table' => 'failed_jobs'],
];
