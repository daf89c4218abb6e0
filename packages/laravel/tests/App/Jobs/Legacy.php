<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests\App\Jobs;

use Illuminate\Contracts\Queue\Job;

/** A job as they were once: it has to delete itself. */
final class Legacy
{
    /** @param array{name: string} $data */
    public function fire(Job $job, array $data): void
    {
        file_put_contents(storage_path('journal'), "{$data['name']} {$job->attempts()}\n", FILE_APPEND);
        if (count(file(storage_path('journal'))) > 1) {
            $job->delete();
        }
    }
}
