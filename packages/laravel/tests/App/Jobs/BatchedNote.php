<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests\App\Jobs;

use Illuminate\Bus\Batchable;

/** One of Bus::batch(). */
final class BatchedNote extends Note
{
    use Batchable;
}
