<?php

declare(strict_types=1);

namespace GearmanRs\Revolt;

use GearmanClient;
use Revolt\EventLoop\Driver;

/**
 * Has the loop poll a client for as long as jobs are under way, and then no longer: else the loop would never end.
 *
 * @internal
 */
final class Watcher
{
    private readonly string $id;
    private int $pending = 0;
    private bool $isClosed = false;

    public function __construct(private readonly Driver $loop, GearmanClient $client)
    {
        [$stream] = $client->getStreams();
        $this->id = $loop->onReadable($stream, static function () use ($client): void {
            $client->poll();
        });
        $loop->disable($this->id);
    }

    public function begin(): void
    {
        if ($this->pending++ === 0) {
            $this->loop->enable($this->id);
        }
    }

    public function end(): void
    {
        if (--$this->pending > 0) {
            return;
        }
        $this->isClosed ? $this->loop->cancel($this->id) : $this->loop->disable($this->id);
    }

    /** No job will begin any more. */
    public function close(): void
    {
        $this->isClosed = true;
        if ($this->pending === 0) {
            $this->loop->cancel($this->id);
        }
    }
}
