<?php

declare(strict_types=1);

namespace GearmanRs\Laravel;

use GearmanRs\Queue\TakenJob;
use Illuminate\Container\Container;
use Illuminate\Contracts\Queue\Job as JobContract;
use Illuminate\Queue\Jobs\Job;

/** A job that was popped: it is this worker's until it is deleted or released, or the worker is gone. */
final class GearmanJob extends Job implements JobContract
{
    /**
     * @param string $connectionName
     * @param string $queue
     */
    public function __construct(
        Container $container,
        private readonly GearmanQueue $gearman,
        private readonly TakenJob $taken,
        $connectionName,
        $queue,
    ) {
        $this->container = $container;
        $this->connectionName = $connectionName;
        $this->queue = $queue;
    }

    /** @return string the handle; a released job gets another one, its uuid stays */
    public function getJobId()
    {
        return $this->taken->handle;
    }

    /** @return string */
    public function getRawBody()
    {
        return $this->taken->body;
    }

    /**
     * Those of earlier releases are in the payload. The server counts those of this one: a worker that was killed told nobody.
     *
     * @return int
     */
    public function attempts()
    {
        return ($this->payload()['attempts'] ?? 0) + max(1, $this->taken->attempt);
    }

    /** @return void */
    public function delete()
    {
        parent::delete();
        $this->taken->complete();
    }

    /**
     * @param \DateTimeInterface|\DateInterval|int $delay
     * @return void
     */
    public function release($delay = 0)
    {
        // The new one first: whatever happens in between, the job is not lost.
        $this->gearman->putAgain($this->queue, $this->getRawBody(), $this->attempts(), $this->secondsUntil($delay));
        parent::release($delay);
        $this->taken->complete();
    }
}
