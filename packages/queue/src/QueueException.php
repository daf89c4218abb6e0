<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

use RuntimeException;

/** What went wrong, where, and how to mend it. */
final class QueueException extends RuntimeException
{
}
