<?php

// The connection itself is what the package brings.
return [
    'default' => 'gearman',
    'connections' => [],
    'failed' => ['driver' => 'database-uuids', 'database' => 'sqlite', 'table' => 'failed_jobs'],
];
