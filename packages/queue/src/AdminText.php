<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

use Closure;

/**
 * What servers answer to the text commands `status`, and to `counters`, which only gearman_rs's has.
 *
 * @internal
 */
final class AdminText
{
    /** @return array{int, int} Jobs of a function that wait or run, and those that run; of all servers together. */
    public static function counts(Options $options, string $function): array
    {
        $counts = [0, 0];
        // A name, of this function or another, may have tabs and ends of lines in it.
        $line = '/^' . preg_quote($function, '/') . '\t(\d+)\t(\d+)\t\d+$/m';
        foreach ($options->servers as $server) {
            if (preg_match($line, self::status($options, $server), $found) === 1) {
                $counts[0] += (int) $found[1];
                $counts[1] += (int) $found[2];
            }
        }

        return $counts;
    }

    public static function detailed(Options $options, string $function): Counts
    {
        $delayed = 0;
        $oldest = [];
        foreach ($options->servers as $server) {
            $told = self::counters($options, $server, $function);
            $delayed += (int) ($told['delayed'] ?? 0);
            $oldest[] = $told === null ? null : (float) ($told['oldest_us'] ?? 0) / 1e6;
        }
        [$all, $running] = self::counts($options, $function);
        $waiting = max(0, $all - $running - $delayed);

        return new Counts($waiting, $delayed, $running, $waiting === 0 || in_array(null, $oldest, true) ? null : max($oldest));
    }

    public static function answers(Options $options, string $server): bool
    {
        try {
            foreach (self::ask($options, $server, 'status') as $line) {
                break;
            }
        } catch (QueueException) {
            return false;
        }

        return true;
    }

    private static function status(Options $options, string $server): string
    {
        $lines = iterator_to_array(self::ask($options, $server, 'status'), false);
        if (self::isError($lines[0] ?? '')) {
            throw new QueueException("The job server at $server does not tell how many jobs it has: $lines[0]");
        }

        return implode("\n", $lines);
    }

    /** @return array<string, string>|null Null where the server does not know the command. */
    private static function counters(Options $options, string $server, string $function): ?array
    {
        $name = preg_replace_callback('/[\x00-\x1f\x7f\\\\]/', static fn (array $byte) => sprintf('\x%02x', ord($byte[0])), $function);
        $told = [];
        foreach (self::ask($options, $server, 'counters') as $line) {
            $fields = explode("\t", $line);
            if (self::isError($line)) {
                return null;
            }
            if (array_slice($fields, 0, 2) === ['function', $name]) {
                foreach (array_slice($fields, 2) as $field) {
                    [$key, $value] = explode('=', $field, 2) + [1 => ''];
                    $told[$key] = $value;
                }
            }
        }

        return $told;
    }

    /** @return iterable<string> The lines of the answer. */
    private static function ask(Options $options, string $server, string $command): iterable
    {
        $stream = self::connect($options, $server);
        $warnings = [];
        self::noting($warnings, static fn () => fwrite($stream, "$command\n"));
        // A server that wants a certificate says so only now, with TLS 1.3.
        while (($line = self::noting($warnings, static fn () => fgets($stream))) !== false) {
            $line = rtrim($line, "\r\n");
            if ($line !== '.') {
                yield $line;
            }
            if ($line === '.' || self::isError($line)) {
                fclose($stream);

                return;
            }
        }
        throw $warnings === []
            ? new QueueException("The job server at $server did not answer `$command` in $options->timeout s")
            : Module::unreachable($options, "$server: $warnings[0]");
    }

    /** And not the line of a function whose name begins so. */
    private static function isError(string $line): bool
    {
        return str_starts_with($line, 'ERR ') && !str_contains($line, "\t");
    }

    /**
     * What is wrong with TLS is said by the first of several warnings of PHP alone.
     *
     * @template T
     * @param list<string> $warnings
     * @param Closure(): T $call
     * @return T
     */
    private static function noting(array &$warnings, Closure $call): mixed
    {
        set_error_handler(static function (int $level, string $text) use (&$warnings): bool {
            $warnings[] = trim(strtr((string) preg_replace('/^\w+\(\): /', '', $text), "\n", ' '));

            return true;
        });
        try {
            return $call();
        } finally {
            restore_error_handler();
        }
    }

    /** @return resource */
    private static function connect(Options $options, string $server): mixed
    {
        [$host, $port] = Options::address($server);
        $warnings = [];
        $stream = self::noting($warnings, static fn () => stream_socket_client(
            sprintf(str_contains($host, ':') ? '%s://[%s]:%d' : '%s://%s:%d', Module::usesTls($options) ? 'ssl' : 'tcp', $host, $port),
            $code,
            $error,
            $options->timeout,
            STREAM_CLIENT_CONNECT,
            stream_context_create(['ssl' => self::tls($options, $host)]),
        ));
        if ($stream === false) {
            throw Module::unreachable($options, "$server: " . ($warnings[0] ?? 'no connection'));
        }
        $seconds = (int) $options->timeout;
        stream_set_timeout($stream, $seconds, (int) (($options->timeout - $seconds) * 1e6));

        return $stream;
    }

    /**
     * What holds for jobs: a file that the options leave out is the environment's, else php.ini's; and php.ini alone says which name
     * the server's certificate has, and whether it is verified.
     *
     * @return array<string, string|bool>
     */
    private static function tls(Options $options, string $host): array
    {
        $file = static fn (?string $given, string $variable, string $setting) => $given ?: getenv($variable, true) ?: ini_get($setting) ?: null;
        // false: pecl's module, which has no such setting.
        $verify = !in_array(ini_get('gearman.ssl_verify'), ['0', ''], true);

        return array_filter([
            'cafile' => $file($options->caFile, 'GEARMAND_CA_CERTIFICATE', 'gearman.ssl_ca_file'),
            'local_cert' => $file($options->certificate, 'GEARMAN_CLIENT_PEM', 'gearman.ssl_certificate'),
            'local_pk' => $file($options->key, 'GEARMAN_CLIENT_KEY', 'gearman.ssl_key'),
        ]) + ['peer_name' => ini_get('gearman.ssl_peer_name') ?: $host, 'verify_peer' => $verify, 'verify_peer_name' => $verify];
    }
}
