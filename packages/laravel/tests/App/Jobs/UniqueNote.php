<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests\App\Jobs;

use Illuminate\Contracts\Queue\ShouldBeUnique;

/** There is only one of a name at a time. */
final class UniqueNote extends Note implements ShouldBeUnique
{
    public function uniqueId(): string
    {
        return $this->name;
    }
}
