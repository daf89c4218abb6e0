<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

/**
 * What servers answer to the text command `status`.
 *
 * @internal
 */
final class AdminText
{
    /** @return array{int, int} Jobs of a function that wait or run, and those that run; of all servers together. */
    public static function counts(Options $options, string $function): array
    {
        $counts = [0, 0];
        foreach ($options->servers as $server) {
            foreach (self::status($options, $server) as [$name, $total, $running]) {
                if ($name === $function) {
                    $counts[0] += (int) $total;
                    $counts[1] += (int) $running;
                }
            }
        }

        return $counts;
    }

    /** @return iterable<array{string, string, string}> */
    private static function status(Options $options, string $server): iterable
    {
        $stream = self::connect($options, $server);
        fwrite($stream, "status\n");
        while (($line = fgets($stream)) !== false) {
            $fields = explode("\t", rtrim($line, "\r\n"));
            if (count($fields) >= 3) {
                yield [$fields[0], $fields[1], $fields[2]];
            } elseif ($fields === ['.']) {
                fclose($stream);

                return;
            } else {
                throw new QueueException("The job server at $server does not tell how many jobs it has: $line");
            }
        }
        throw new QueueException("The job server at $server did not answer `status` in $options->timeout s");
    }

    /** @return resource */
    private static function connect(Options $options, string $server): mixed
    {
        [$host, $port] = Options::address($server);
        $tls = array_filter(['cafile' => $options->caFile, 'local_cert' => $options->certificate, 'local_pk' => $options->key]);
        $stream = @stream_socket_client(
            sprintf(str_contains($host, ':') ? '%s://[%s]:%d' : '%s://%s:%d', $options->tls ? 'ssl' : 'tcp', $host, $port),
            $code,
            $error,
            $options->timeout,
            STREAM_CLIENT_CONNECT,
            stream_context_create(['ssl' => $tls + ['peer_name' => $host]]),
        );
        if ($stream === false) {
            throw Module::unreachable($options, "$server: " . ($error ?: error_get_last()['message'] ?? 'no connection'));
        }
        $seconds = (int) $options->timeout;
        stream_set_timeout($stream, $seconds, (int) (($options->timeout - $seconds) * 1e6));

        return $stream;
    }
}
