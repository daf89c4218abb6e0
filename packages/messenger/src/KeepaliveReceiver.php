<?php

declare(strict_types=1);

namespace GearmanRs\Messenger;

use Symfony\Component\Messenger\Transport\Receiver\KeepaliveReceiverInterface;

// Symfony has it since 7.2.
if (interface_exists(KeepaliveReceiverInterface::class)) {
    /** @internal */
    interface KeepaliveReceiver extends KeepaliveReceiverInterface
    {
    }
} else {
    /** @internal */
    interface KeepaliveReceiver
    {
    }
}
