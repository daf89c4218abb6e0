<?php

return [
    'default' => env('QUEUE_CONNECTION', 'sync'),
    // The rest is what the package brings; the machine may be busy.
    'connections' => ['gearman' => ['timeout' => 60]],
    'failed' => ['driver' => 'database-uuids', 'database' => 'sqlite', 'table' => 'failed_jobs'],
];
