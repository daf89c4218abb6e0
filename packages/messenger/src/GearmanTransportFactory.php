<?php

declare(strict_types=1);

namespace GearmanRs\Messenger;

use GearmanRs\Queue\Options;
use GearmanRs\Queue\QueueException;
use SensitiveParameter;
use Symfony\Component\Messenger\Exception\InvalidArgumentException;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;
use Symfony\Component\Messenger\Transport\TransportFactoryInterface;
use Symfony\Component\Messenger\Transport\TransportInterface;

/** For DSNs gearman://host:4730,host2:4730/queue?option=…, and gearmans:// for TLS. */
final class GearmanTransportFactory implements TransportFactoryInterface
{
    /** @param array<string, mixed> $options */
    public function createTransport(#[SensitiveParameter] string $dsn, array $options, SerializerInterface $serializer): TransportInterface
    {
        unset($options['transport_name']);
        try {
            return new GearmanTransport(Options::fromDsn($dsn, $options), $serializer);
        } catch (QueueException $e) {
            throw new InvalidArgumentException($e->getMessage(), 0, $e);
        }
    }

    /** @param array<string, mixed> $options */
    public function supports(#[SensitiveParameter] string $dsn, array $options): bool
    {
        return preg_match('~^gearmans?://~', $dsn) === 1;
    }
}
