<?php

declare(strict_types=1);

namespace GearmanRs\Messenger;

/**
 * A message as a job's workload: JSON with body and headers, as Symfony's serializers make them. What is not such JSON comes from
 * another program; it is a body without headers.
 *
 * @internal
 */
final class Wire
{
    private const JSON = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE;

    /** @param array{body: string, headers?: array<string, string>} $encoded */
    public static function toWorkload(array $encoded): string
    {
        $message = ['body' => $encoded['body'], 'headers' => (object) ($encoded['headers'] ?? [])];
        if (!mb_check_encoding($message['body'], 'UTF-8')) {
            $message = ['body' => base64_encode($message['body']), 'base64' => true] + $message;
        }

        return json_encode($message, self::JSON);
    }

    /** @return array{body: string, headers: array<string, string>} */
    public static function fromWorkload(string $workload): array
    {
        $message = json_decode($workload, true);
        if (!is_array($message) || !is_string($message['body'] ?? null) || !is_array($message['headers'] ?? null)) {
            return ['body' => $workload, 'headers' => []];
        }
        $body = ($message['base64'] ?? false) === true ? (string) base64_decode($message['body'], true) : $message['body'];

        return ['body' => $body, 'headers' => $message['headers']];
    }
}
