<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

/**
 * The jobs of a queue, of all servers together. C's gearmand does not tell delayed jobs from others: they are among those that wait.
 */
final class Counts
{
    /** @param float|null $oldest Seconds that the one has waited which is next; null if none waits, or a server does not tell. */
    public function __construct(
        public readonly int $waiting,
        public readonly int $delayed,
        public readonly int $running,
        public readonly ?float $oldest,
    ) {
    }
}
