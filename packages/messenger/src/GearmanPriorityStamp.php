<?php

declare(strict_types=1);

namespace GearmanRs\Messenger;

use GearmanRs\Queue\Priority;
use Symfony\Component\Messenger\Stamp\StampInterface;

/** The message goes before those of a lower priority in its queue; not while it is delayed. */
final class GearmanPriorityStamp implements StampInterface
{
    public function __construct(public readonly Priority $priority)
    {
    }
}
