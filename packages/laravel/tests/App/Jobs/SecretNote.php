<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests\App\Jobs;

use Illuminate\Contracts\Queue\ShouldBeEncrypted;

/** What it carries is encrypted by the application's key. */
final class SecretNote extends Note implements ShouldBeEncrypted
{
}
