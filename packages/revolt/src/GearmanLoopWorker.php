<?php

declare(strict_types=1);

namespace GearmanRs\Revolt;

use GearmanJob;
use GearmanWorker;
use Revolt\EventLoop;
use Revolt\EventLoop\Driver;

/**
 * Runs jobs between the loop's other events. A function that suspends its fiber (to await something) lets others go on; up to
 * `$concurrency` of them are under way at a time. What a function throws is sent to the client, and goes to the loop's error handler.
 */
final class GearmanLoopWorker
{
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
        $this->watcher = $this->loop->onReadable($stream, static function () use ($worker): void {
            $worker->poll();
        });
        $this->loop->disable($this->watcher);
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
