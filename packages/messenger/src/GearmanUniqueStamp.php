<?php

declare(strict_types=1);

namespace GearmanRs\Messenger;

use Symfony\Component\Messenger\Stamp\StampInterface;

/** A message with the same key that waits or is handled in the same queue is this message. A retry has no key. */
final class GearmanUniqueStamp implements StampInterface
{
    public function __construct(public readonly string $key)
    {
    }
}
