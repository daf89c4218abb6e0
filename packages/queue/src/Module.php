<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

use GearmanClient;
use GearmanException;
use GearmanJob;
use GearmanWorker;
use ReflectionMethod;

/**
 * Makes clients and workers as options say, with either module: gearman_rs's or pecl's.
 *
 * @internal
 */
final class Module
{
    /** php.ini may say otherwise. A worker here has one job and no more, and may stay away for long between two. */
    private const SETTINGS = ['gearman.direct_assignment' => '0', 'gearman.prefetch' => '0', 'gearman.servers' => ''];

    /** Servers are those of the options alone: not of php.ini, nor of the environment, where both modules look. */
    private const SERVERS = 'GEARMAN_SERVERS';

    public static function isPecl(): bool
    {
        return !method_exists(GearmanJob::class, 'attempt');
    }

    /** @return array{GearmanClient, positive-int} With so many of the servers. */
    public static function client(Options $options): array
    {
        return self::make(GearmanClient::class, $options);
    }

    /** @return array{GearmanWorker, positive-int} The same. */
    public static function worker(Options $options): array
    {
        return self::make(GearmanWorker::class, $options);
    }

    /** Do jobs go by TLS? The options say so, or gearman_rs's module has it for all servers. */
    public static function usesTls(Options $options): bool
    {
        return $options->tls || (!self::isPecl() && (ini_get('gearman.ssl') || getenv('GEARMAND_CA_CERTIFICATE', true)));
    }

    /** What addFunction() takes: seconds; pecl's sends it as it is, and servers read milliseconds. */
    public static function functionTimeout(Options $options): int
    {
        return self::isPecl() ? $options->jobTimeout * 1000 : $options->jobTimeout;
    }

    /**
     * @template T of GearmanClient|GearmanWorker
     * @param class-string<T> $class
     * @return array{T, positive-int}
     */
    private static function make(string $class, Options $options): array
    {
        $before = [];
        // Where putenv() is disabled, they stay.
        $servers = function_exists('putenv') ? getenv(self::SERVERS, true) : false;
        try {
            foreach (self::SETTINGS as $name => $value) {
                $before[$name] = @ini_set($name, $value);
            }
            $servers === false || putenv(self::SERVERS);
            $made = new $class();
        } finally {
            $servers === false || putenv(self::SERVERS . "=$servers");
            foreach (array_filter($before, is_string(...)) as $name => $value) {
                ini_set($name, $value);
            }
        }
        if ($options->tls) {
            self::encrypt($made, $options);
        }
        $made->setTimeout((int) ceil($options->timeout * 1000));

        return [$made, self::addServers($made, $options)];
    }

    private static function encrypt(GearmanClient|GearmanWorker $made, Options $options): void
    {
        if (!method_exists($made, 'setSSL')) {
            throw new QueueException("TLS to Gearman wants gearman_rs's module; pecl's gearman, which is loaded, has none");
        }
        if (!@$made->setSSL(true, $options->caFile, $options->certificate, $options->key)) {
            throw new QueueException('TLS to Gearman: ' . $made->error());
        }
    }

    /**
     * One of several whose name cannot be looked up is passed over, as one that is down.
     *
     * @return positive-int How many there are.
     */
    private static function addServers(GearmanClient|GearmanWorker $made, Options $options): int
    {
        $count = 0;
        $why = '';
        // false: without connecting at once.
        $lazily = (new ReflectionMethod($made, 'addServer'))->getNumberOfParameters() > 2 ? [false] : [];
        try {
            foreach ($lazily === [] ? self::thatListen($options) : $options->servers as $server) {
                if (@$made->addServer(...Options::address($server), ...$lazily)) {
                    $count++;
                } else {
                    $why = (string) $made->error();
                }
            }
        } catch (GearmanException $e) {
            throw self::unreachable($options, $e->getMessage());
        }

        return $count ?: throw self::unreachable($options, $why);
    }

    /**
     * Where the module always connects at once, one server that is down would make it refuse those after it.
     *
     * @return non-empty-list<string>
     */
    private static function thatListen(Options $options): array
    {
        $up = [];
        $why = '';
        foreach ($options->servers as $server) {
            [$host, $port] = Options::address($server);
            if (@fsockopen($host, $port, $code, $error, $options->timeout) !== false) {
                $up[] = $server;
            } else {
                $why = $error;
            }
        }

        return $up ?: throw self::unreachable($options, $why);
    }

    public static function unreachable(Options $options, string $why): QueueException
    {
        $servers = implode(', ', $options->servers);

        return new QueueException("No job server of Gearman answers at $servers ($why). Is gearmand started there, and may this host connect?");
    }
}
