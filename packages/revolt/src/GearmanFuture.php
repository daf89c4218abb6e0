<?php

declare(strict_types=1);

namespace GearmanRs\Revolt;

use Revolt\EventLoop\Driver;
use Revolt\EventLoop\Suspension;
use Throwable;

/** What becomes of a job. Any number of fibers may await it, also when it is over. */
final class GearmanFuture
{
    /** @var array<int, Suspension<null>> */
    private array $waiting = [];
    private string $result = '';
    private ?Throwable $failure = null;
    private bool $isOver = false;

    /** @internal */
    public function __construct(private readonly Driver $loop, public readonly bool $isBackground)
    {
    }

    /**
     * The result; of a background job the handle. Only this fiber waits; after a timeout, in seconds, the job goes on.
     *
     * @throws JobFailed
     */
    public function await(?float $timeout = null): string
    {
        if (!$this->isOver) {
            $this->suspend($timeout);
        }
        return $this->failure === null ? $this->result : throw $this->failure;
    }

    public function isOver(): bool
    {
        return $this->isOver;
    }

    private function suspend(?float $timeout): void
    {
        $suspension = $this->loop->getSuspension();
        $id = spl_object_id($suspension);
        $this->waiting[$id] = $suspension;
        $timer = $timeout === null ? null : $this->loop->delay($timeout, function () use ($id, $timeout): void {
            $suspension = $this->waiting[$id];
            unset($this->waiting[$id]);
            $suspension->throw(new JobFailed("no result within $timeout s", GEARMAN_TIMEOUT));
        });
        try {
            $suspension->suspend();
        } finally {
            if ($timer !== null) {
                $this->loop->cancel($timer);
            }
            unset($this->waiting[$id]);
        }
    }

    /** @internal */
    public function add(string $part): void
    {
        $this->result .= $part;
    }

    /** @internal */
    public function complete(string $last): void
    {
        $this->result .= $last;
        $this->end();
    }

    /** @internal */
    public function fail(Throwable $failure): void
    {
        $this->failure = $failure;
        $this->end();
    }

    private function end(): void
    {
        $this->isOver = true;
        [$waiting, $this->waiting] = [$this->waiting, []];
        foreach ($waiting as $suspension) {
            $suspension->resume();
        }
    }
}
