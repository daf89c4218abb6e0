<?php

// A Laravel application with the package in it, and a job "shown" in its queue: prints its folder.

declare(strict_types=1);

require dirname(__DIR__, 2) . '/packages/laravel/tests/bootstrap.php';

$folder = new GearmanRs\Laravel\Tests\AppFolder();
$folder->boot();
GearmanRs\Laravel\Tests\App\Jobs\Note::dispatch('shown');
echo $folder->base;
