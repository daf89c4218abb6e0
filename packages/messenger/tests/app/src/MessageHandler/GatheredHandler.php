<?php

declare(strict_types=1);

namespace App\MessageHandler;

use App\Message\Gathered;
use RuntimeException;
use Symfony\Component\Messenger\Attribute\AsMessageHandler;
use Symfony\Component\Messenger\Handler\Acknowledger;
use Symfony\Component\Messenger\Handler\BatchHandlerInterface;
use Symfony\Component\Messenger\Handler\BatchHandlerTrait;

/** Ten at a time; the first of a batch is acknowledged last. Number 13 fails. Writes a line for each batch into the file `batches`. */
#[AsMessageHandler]
final class GatheredHandler implements BatchHandlerInterface
{
    use BatchHandlerTrait;

    public function __invoke(Gathered $message, ?Acknowledger $ack = null): mixed
    {
        return $this->handle($message, $ack);
    }

    private function process(array $jobs): void
    {
        $ids = [];
        foreach (array_reverse($jobs) as [$message, $ack]) {
            array_unshift($ids, $message->id);
            $message->id === 13 ? $ack->nack(new RuntimeException('unlucky')) : $ack->ack();
        }
        file_put_contents(getenv('NOTES') . '/batches', implode(' ', $ids) . "\n", FILE_APPEND);
    }
}
