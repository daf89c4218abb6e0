<?php

declare(strict_types=1);

namespace GearmanRs\Messenger;

use GearmanRs\Queue\TakenJob;
use Symfony\Component\Messenger\Stamp\NonSendableStampInterface;

/** The job that the message came with. If the envelope is dropped, the server gives it to another worker. */
final class GearmanReceivedStamp implements NonSendableStampInterface
{
    public function __construct(public readonly TakenJob $job)
    {
    }
}
