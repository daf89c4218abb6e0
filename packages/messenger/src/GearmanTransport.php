<?php

declare(strict_types=1);

namespace GearmanRs\Messenger;

use Closure;
use GearmanRs\Queue\Options;
use GearmanRs\Queue\Priority;
use GearmanRs\Queue\Queue;
use GearmanRs\Queue\QueueException;
use GearmanRs\Queue\TakenJob;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Exception\LogicException;
use Symfony\Component\Messenger\Exception\MessageDecodingFailedException;
use Symfony\Component\Messenger\Exception\TransportException;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Stamp\RedeliveryStamp;
use Symfony\Component\Messenger\Stamp\TransportMessageIdStamp;
use Symfony\Component\Messenger\Transport\Receiver\MessageCountAwareInterface;
use Symfony\Component\Messenger\Transport\Receiver\QueueReceiverInterface;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;
use Symfony\Component\Messenger\Transport\SetupableTransportInterface;
use Symfony\Component\Messenger\Transport\TransportInterface;

/** Messages as background jobs of Gearman: sent to the first of its queues, received from each of them in turn. */
final class GearmanTransport implements
    TransportInterface,
    QueueReceiverInterface,
    MessageCountAwareInterface,
    SetupableTransportInterface,
    KeepaliveReceiver
{
    private const QUEUE = 'messages';

    private readonly Queue $queue;

    /** @var non-empty-list<string> */
    private readonly array $queues;

    public function __construct(private readonly Options $options, private readonly SerializerInterface $serializer)
    {
        $this->queue = new Queue($options);
        $this->queues = $options->queues ?: [self::QUEUE];
    }

    public function send(Envelope $envelope): Envelope
    {
        $workload = Wire::toWorkload($this->serializer->encode($envelope));
        $delay = ($envelope->last(DelayStamp::class)?->getDelay() ?? 0) / 1000;
        $priority = $envelope->last(GearmanPriorityStamp::class)->priority ?? Priority::Normal;
        // A retry is sent while its message is not yet acknowledged: with the same key they would be one, and over with the first.
        $unique = $envelope->last(RedeliveryStamp::class) === null ? $envelope->last(GearmanUniqueStamp::class)?->key : null;
        $handle = $this->do(fn () => $this->queue->put($this->queues[0], $workload, $delay, $priority, $unique));

        return $envelope->with(new TransportMessageIdStamp($handle));
    }

    public function get(): iterable
    {
        return $this->getFromQueues($this->queues);
    }

    /** @param string[] $queueNames */
    public function getFromQueues(array $queueNames): iterable
    {
        $last = end($queueNames);
        foreach ($queueNames as $name) {
            $job = $this->do(fn () => $this->queue->take($name, $name === $last ? $this->options->wait : 0));
            if ($job !== null) {
                return [$this->decode($job)];
            }
        }

        return [];
    }

    public function ack(Envelope $envelope): void
    {
        $this->do(fn () => $this->job($envelope)->complete());
    }

    public function reject(Envelope $envelope): void
    {
        $this->do(fn () => $this->drop($this->job($envelope)));
    }

    /** Gearman has no time within which a message is to be acknowledged; but the connection may be lost, and this tells. */
    public function keepalive(Envelope $envelope, ?int $seconds = null): void
    {
        $this->do(fn () => $this->job($envelope)->keepAlive());
    }

    public function getMessageCount(): int
    {
        return $this->do(fn () => array_sum(array_map($this->queue->queued(...), $this->queues)));
    }

    /** A queue is made by its first message, so all that can be done is to see whether the servers are there. */
    public function setup(): void
    {
        $this->getMessageCount();
    }

    public function close(): void
    {
        $this->queue->close();
    }

    private function decode(TakenJob $job): Envelope
    {
        try {
            $envelope = $this->serializer->decode(Wire::fromWorkload($job->body));
        } catch (MessageDecodingFailedException $e) {
            $this->do(fn () => $this->drop($job));
            throw $e;
        }

        return $envelope->with(new GearmanReceivedStamp($job), new TransportMessageIdStamp($job->handle));
    }

    /** Messenger has sent it anew if it is to be retried, so the server should not do so as well. */
    private function drop(TakenJob $job): void
    {
        if ($this->options->failRejected) {
            $job->fail();
        } else {
            $job->complete();
        }
    }

    private function job(Envelope $envelope): TakenJob
    {
        return $envelope->last(GearmanReceivedStamp::class)->job
            ?? throw new LogicException('The envelope has no GearmanReceivedStamp: it was not received from Gearman.');
    }

    /**
     * @template T
     * @param Closure(): T $call
     * @return T
     */
    private function do(Closure $call): mixed
    {
        try {
            return $call();
        } catch (QueueException $e) {
            throw new TransportException($e->getMessage(), 0, $e);
        }
    }
}
