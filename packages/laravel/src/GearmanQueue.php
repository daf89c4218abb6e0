<?php

declare(strict_types=1);

namespace GearmanRs\Laravel;

use GearmanRs\Queue\Queue as Server;
use GearmanRs\Queue\QueueException;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Queue\ClearableQueue;
use Illuminate\Contracts\Queue\Queue as QueueContract;
use Illuminate\Queue\Queue;

/** A connection of config/queue.php whose queues are functions of Gearman servers. */
final class GearmanQueue extends Queue implements QueueContract, ClearableQueue
{
    /** @var list<string> the queues that were asked in vain since a worker last began with its first one */
    private array $asked = [];

    /** The last of those that the worker asks one after the other; null until it has asked all of them once. */
    private ?string $last = null;

    /** @param float $blockFor seconds that a worker waits for a job at the last of its queues */
    public function __construct(
        private readonly Server $server,
        private readonly string $default,
        private readonly float $blockFor = 0,
        bool $afterCommit = false,
    ) {
        $this->dispatchAfterCommit = $afterCommit;
    }

    /**
     * Of all jobs: those that wait, are delayed, or run.
     *
     * @param string|null $queue
     * @return int
     */
    public function size($queue = null)
    {
        return $this->server->size($this->getQueue($queue));
    }

    /**
     * Jobs that may run. A server of C's counts those among them that are delayed.
     *
     * @param string|null $queue
     * @return int
     */
    public function pendingSize($queue = null)
    {
        return $this->server->counts($this->getQueue($queue))->waiting;
    }

    /**
     * @param string|null $queue
     * @return int
     */
    public function delayedSize($queue = null)
    {
        return $this->server->counts($this->getQueue($queue))->delayed;
    }

    /**
     * Jobs that run.
     *
     * @param string|null $queue
     * @return int
     */
    public function reservedSize($queue = null)
    {
        return $this->server->counts($this->getQueue($queue))->running;
    }

    /**
     * Since when the oldest job that may run waits; null if there is none, or a server does not tell: C's.
     *
     * @param string|null $queue
     * @return int|null
     */
    public function creationTimeOfOldestPendingJob($queue = null)
    {
        $age = $this->server->counts($this->getQueue($queue))->oldest;

        return $age === null ? null : (int) (microtime(true) - $age);
    }

    /**
     * @param \Closure|string|object $job
     * @param mixed $data
     * @param string|null $queue
     * @return mixed
     */
    public function push($job, $data = '', $queue = null)
    {
        $payload = $this->createPayload($job, $this->getQueue($queue), $data);

        return $this->enqueueUsing($job, $payload, $queue, null, fn ($payload, $queue) => $this->pushRaw($payload, $queue));
    }

    /**
     * @param string $payload
     * @param string|null $queue
     * @return string
     */
    public function pushRaw($payload, $queue = null, array $options = [])
    {
        return $this->server->put($this->getQueue($queue), $payload);
    }

    /**
     * @param \DateTimeInterface|\DateInterval|int $delay
     * @param \Closure|string|object $job
     * @param mixed $data
     * @param string|null $queue
     * @return mixed
     */
    public function later($delay, $job, $data = '', $queue = null)
    {
        // Newer Laravels note the delay in the payload.
        $payload = $this->createPayload($job, $this->getQueue($queue), $data, $delay);

        return $this->enqueueUsing(
            $job,
            $payload,
            $queue,
            $delay,
            fn ($payload, $queue, $delay) => $this->server->put($this->getQueue($queue), $payload, $this->secondsUntil($delay)),
        );
    }

    /**
     * @param array $jobs
     * @param mixed $data
     * @param string|null $queue
     * @return void
     */
    public function bulk($jobs, $data = '', $queue = null)
    {
        foreach ((array) $jobs as $job) {
            if (isset($job->delay)) {
                $this->later($job->delay, $job, $data, $queue);
            } else {
                $this->push($job, $data, $queue);
            }
        }
    }

    /**
     * @param string|null $queue
     * @return GearmanJob|null
     */
    public function pop($queue = null)
    {
        $queue = $this->getQueue($queue);
        $taken = $this->server->take($queue, $this->waitAt($queue));
        if ($taken === null) {
            return null;
        }
        $this->asked = [];

        return new GearmanJob($this->container, $this, $taken, $this->connectionName, $queue);
    }

    /**
     * A released job, as a new one of the server.
     *
     * @internal
     */
    public function putAgain(string $queue, string $body, int $attempts, int $delay): void
    {
        // As an object: what is {} stays so.
        $payload = json_decode($body);
        if (is_object($payload)) {
            $payload->attempts = $attempts;
            $body = json_encode($payload, JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR);
        }
        if ($delay > 0 && !Server::canDelay()) {
            // Refused, it would come back at once, too, and its attempt would not count.
            $this->container->make(ExceptionHandler::class)->report(new QueueException(
                "A job of '$queue' was released without its delay of $delay s: that wants gearman_rs's module, and pecl's is loaded",
            ));
            $delay = 0;
        }
        $this->server->put($queue, $body, $delay);
    }

    /**
     * Takes all that waits. What is delayed stays, and what runs.
     *
     * @param string|null $queue
     * @return int
     */
    public function clear($queue)
    {
        for ($count = 0; $taken = $this->server->take($this->getQueue($queue), 0); $count++) {
            $taken->complete();
        }

        return $count;
    }

    /**
     * @param string|null $queue
     * @return string
     */
    public function getQueue($queue)
    {
        return $queue ?: $this->default;
    }

    /**
     * A worker asks its queues in turn, the most urgent first. Only at the last of them may it wait: else a job of a later one would
     * wait, too.
     */
    private function waitAt(string $queue): float
    {
        if (in_array($queue, $this->asked, true)) {
            $this->last = end($this->asked);
            $this->asked = [];
        }
        $this->asked[] = $queue;

        return $queue === $this->last ? $this->blockFor : 0;
    }
}
