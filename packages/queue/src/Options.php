<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

/** Which servers, which queues, and how they are used. A queue is a function of Gearman. */
final class Options
{
    private const KNOWN = [
        'servers', 'queues', 'tls', 'ca_file', 'certificate', 'key', 'wait', 'timeout', 'job_timeout', 'fail_rejected',
    ];

    /** Of a number of seconds: as milliseconds they have 31 bits. */
    private const LONGEST = 2_147_483;

    /**
     * @param non-empty-list<string> $servers Each as host:port.
     * @param list<string> $queues In the order in which they are looked at; none: that is for the framework to say.
     * @param string|null $caFile Who has signed the servers' certificates; null: as for setSSL(), what the environment or php.ini
     *     names, else whom the system trusts.
     * @param string|null $certificate Shown to servers that ask for one; $key is its key.
     * @param float $wait Seconds that a look at a queue may wait for a job.
     * @param float $timeout Seconds in which a server has to answer, and the largest job to arrive.
     * @param int $jobTimeout Seconds after which a server gives a taken job to another worker; 0: never.
     * @param bool $failRejected A rejected job is reported as failed, so that retries and dead letters of the server's
     *     policies apply; else it counts as done.
     */
    public function __construct(
        public readonly array $servers = ['127.0.0.1:4730'],
        public readonly array $queues = [],
        public readonly bool $tls = false,
        public readonly ?string $caFile = null,
        public readonly ?string $certificate = null,
        public readonly ?string $key = null,
        public readonly float $wait = 0.0,
        public readonly float $timeout = 5.0,
        public readonly int $jobTimeout = 0,
        public readonly bool $failRejected = false,
    ) {
        array_map(self::address(...), $servers);
        // Without it all would go over the network in the clear, though somebody had files made for that.
        foreach ($tls ? [] : ['ca_file' => $caFile, 'certificate' => $certificate, 'key' => $key] as $name => $file) {
            if ($file !== null) {
                throw new QueueException("The option '$name' for Gearman wants TLS: the DSN begins with gearmans://, or 'tls' is 1");
            }
        }
    }

    /**
     * `gearman://host:4730,host2:4730/queue,queue2?option=…`; gearmans:// for TLS.
     *
     * @param array<string, mixed> $options More of them, as for fromArray(); what the DSN says goes before.
     */
    public static function fromDsn(string $dsn, array $options = []): self
    {
        if (preg_match('~^gearman(s?)://([^/?#@]*)(?:/([^?#]*))?(?:\?([^#]*))?$~D', $dsn, $parts) !== 1) {
            // It may have a password in it, so it is not shown.
            throw new QueueException(
                'This is no DSN of Gearman: gearman://host:4730,host2:4730/queue?option=value; gearmans:// for TLS. There is no user and no password',
            );
        }
        [, $tls, $servers, $queues, $query] = $parts + ['', '', '', '', ''];
        parse_str($query, $said);
        if ($servers !== '') {
            $said['servers'] = $servers;
        }
        if ($queues !== '') {
            $said['queues'] = array_map(rawurldecode(...), explode(',', $queues));
        }

        if ($tls !== '') {
            $said['tls'] = true;
        }

        return self::fromArray($said + $options);
    }

    /** @param array<array-key, mixed> $options By the names in DSNs: servers, queues, tls, ca_file, job_timeout … */
    public static function fromArray(array $options): self
    {
        foreach (array_keys($options) as $name) {
            if (!in_array($name, self::KNOWN, true)) {
                throw new QueueException("There is no option '$name' for Gearman; there are " . implode(', ', self::KNOWN));
            }
        }

        return new self(
            self::words($options, 'servers') ?: ['127.0.0.1:4730'],
            self::words($options, 'queues'),
            self::yes($options, 'tls'),
            self::text($options, 'ca_file'),
            self::text($options, 'certificate'),
            self::text($options, 'key'),
            self::number($options, 'wait', 0.0),
            self::number($options, 'timeout', 5.0) ?: throw new QueueException("The option 'timeout' for Gearman is more than 0 seconds"),
            (int) ceil(self::number($options, 'job_timeout', 0.0)),
            self::yes($options, 'fail_rejected'),
        );
    }

    /**
     * @internal
     * @param non-empty-list<string> $servers
     */
    public function withServers(array $servers): self
    {
        return new self(...(['servers' => $servers] + get_object_vars($this)));
    }

    /** @internal */
    public function withTimeout(float $seconds): self
    {
        return new self(...(['timeout' => $seconds] + get_object_vars($this)));
    }

    /**
     * @internal
     * @return array{string, int} Host and port.
     */
    public static function address(string $server): array
    {
        if (preg_match('~^(?:\[([0-9a-fA-F:.]+)\]|([^:/\s]+))(?::([1-9]\d{0,4}))?$~D', $server, $parts) !== 1) {
            throw new QueueException("'$server' is no server of Gearman: host:4730, or [::1]:4730");
        }

        $port = (int) ($parts[3] ?? 4730);
        if ($port > 65535) {
            throw new QueueException("'$server' is no server of Gearman: ports end at 65535");
        }

        return [$parts[1] !== '' ? $parts[1] : $parts[2], $port];
    }

    /**
     * @param array<array-key, mixed> $options
     * @return list<string>
     */
    private static function words(array $options, string $name): array
    {
        $words = $options[$name] ?? [];
        $words = is_string($words) ? explode(',', $words) : (is_array($words) ? $words : [$words]);
        if (array_filter($words, is_scalar(...)) !== $words) {
            throw new QueueException("The option '$name' for Gearman is a list, or a text with commas");
        }

        return array_values(array_filter(array_map(static fn ($word) => trim((string) $word), $words), static fn ($word) => $word !== ''));
    }

    /** @param array<array-key, mixed> $options */
    private static function text(array $options, string $name): ?string
    {
        $text = $options[$name] ?? null;
        if ($text !== null && !is_scalar($text)) {
            throw new QueueException("The option '$name' for Gearman is a text");
        }

        return $text === null || $text === '' ? null : (string) $text;
    }

    /** @param array<array-key, mixed> $options */
    private static function number(array $options, string $name, float $default): float
    {
        $number = $options[$name] ?? $default;
        if (!is_numeric($number) || $number < 0 || $number > self::LONGEST) {
            throw new QueueException("The option '$name' for Gearman is a number of seconds, such as 5 or 0.5, up to " . self::LONGEST);
        }

        return (float) $number;
    }

    /** @param array<array-key, mixed> $options */
    private static function yes(array $options, string $name): bool
    {
        return filter_var($options[$name] ?? false, FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE)
            ?? throw new QueueException("The option '$name' for Gearman is 1 or 0");
    }
}
