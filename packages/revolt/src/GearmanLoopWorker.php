<?php

declare(strict_types=1);

namespace GearmanRs\Revolt;

use GearmanJob;
use GearmanWorker;
use Revolt\EventLoop;
use Revolt\EventLoop\Driver;
use Throwable;

/**
 * Runs jobs between the loop's other events. A function that suspends its fiber (to await something) lets others go on; up to
 * `$concurrency` of them are under way at a time. What a function throws is sent to the client, and goes to the loop's error handler.
 */
final class GearmanLoopWorker
{
    /** What poll() has come to when no server is of use. It tries again by itself. */
    private const OUTAGE = [
        GEARMAN_COULD_NOT_CONNECT, GEARMAN_LOST_CONNECTION, GEARMAN_GETADDRINFO,
        // Something else answers there.
        GEARMAN_INVALID_MAGIC, GEARMAN_INVALID_COMMAND, GEARMAN_INVALID_PACKET, GEARMAN_UNEXPECTED_PACKET,
        // The only server has given a job that is above gearman.max_packet_size. Another worker may take it.
        GEARMAN_DATA_TOO_LARGE,
    ];

    private readonly GearmanWorker $worker;
    private readonly Driver $loop;
    private readonly string $watcher;
    private int $running = 0;
    private bool $isStopped = false;

    /**
     * @param GearmanWorker|string $servers `host:port,…`, or a worker with servers and TLS
     */
    public function __construct(
        GearmanWorker|string $servers = '127.0.0.1:4730',
        private readonly int $concurrency = 1,
        ?Driver $loop = null,
    ) {
        $this->loop = $loop ?? EventLoop::getDriver();
        $worker = $this->worker = $servers instanceof GearmanWorker ? $servers : new GearmanWorker();
        // First: then what follows does not connect.
        [$stream] = $worker->getStreams();
        if (is_string($servers)) {
            $worker->addServers($servers);
        }
        $this->watcher = $this->loop->onReadable($stream, static fn () => self::poll($worker));
        $this->loop->disable($this->watcher);
    }

    /**
     * It warns of an outage. Frameworks make exceptions of warnings, and that one would end the loop. It is not silenced, as what the
     * functions warn of would be, too. What they throw has another code.
     */
    private static function poll(GearmanWorker $worker): void
    {
        try {
            $worker->poll();
        } catch (Throwable $e) {
            if (!in_array($worker->returnCode(), self::OUTAGE, true)) {
                throw $e;
            }
            // The handler that made an exception of it has told nobody.
            error_log($e->getMessage());
        }
    }

    /**
     * @param callable(GearmanJob): ?string $function
     * @param int $timeout seconds after which a server gives the job to another worker; 0: never
     */
    public function addFunction(string $name, callable $function, int $timeout = 0): void
    {
        $this->worker->addFunction($name, function (GearmanJob $job) use ($function): mixed {
            $this->running++;
            $this->watch();
            try {
                return $function($job);
            } finally {
                $this->running--;
                $this->watch();
            }
        }, null, $timeout);
        $this->watch();
    }

    /** No more jobs are taken; those under way go on. */
    public function stop(): void
    {
        $this->isStopped = true;
        $this->watch();
    }

    private function watch(): void
    {
        match (true) {
            $this->isStopped && $this->running === 0 => $this->loop->cancel($this->watcher),
            $this->isStopped || $this->running >= $this->concurrency => $this->loop->disable($this->watcher),
            default => $this->loop->enable($this->watcher),
        };
    }
}
