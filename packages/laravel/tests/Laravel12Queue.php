<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

/**
 * What Laravel 12 added to its contract of a queue: derived from its documented methods, as no Laravel 12 is at hand for the tests.
 */
interface Laravel12Queue
{
    /**
     * @param string|null $queue
     * @return int
     */
    public function pendingSize($queue = null);

    /**
     * @param string|null $queue
     * @return int
     */
    public function delayedSize($queue = null);

    /**
     * @param string|null $queue
     * @return int
     */
    public function reservedSize($queue = null);

    /**
     * @param string|null $queue
     * @return int|null
     */
    public function creationTimeOfOldestPendingJob($queue = null);
}
