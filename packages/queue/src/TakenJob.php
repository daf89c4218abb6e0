<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

use Closure;
use GearmanJob;

/** A job of ours until complete() or fail(). If this is dropped before, or the process ends, the server gives the job to another worker. */
final class TakenJob
{
    public readonly string $body;

    /** The server's name for the job. */
    public readonly string $handle;

    public readonly string $unique;

    /** 1 for the first try, 2 for the next; 0 where the module or the server does not tell: pecl's, C's. */
    public readonly int $attempt;

    /**
     * @internal
     * @param Closure(Worker): void $idle Takes the worker back.
     */
    public function __construct(
        public readonly string $queue,
        private readonly GearmanJob $job,
        private ?Worker $worker,
        private readonly Closure $idle,
    ) {
        $this->body = $job->workload();
        $this->handle = (string) $job->handle();
        $this->unique = (string) $job->unique();
        $this->attempt = method_exists($job, 'attempt') ? $job->attempt() : 0;
    }

    public function __destruct()
    {
        $this->worker?->abandon();
    }

    public function complete(string $result = ''): void
    {
        $this->end(static fn (Worker $worker) => $worker->complete($result));
    }

    /** What becomes of it then is for the server's policy to say: without one, nothing. */
    public function fail(): void
    {
        $this->end(static fn (Worker $worker) => $worker->fail());
    }

    /** The server still gives us the time that we need, as long as it is there; throws if the connection to it is lost. */
    public function keepAlive(): void
    {
        if ($this->worker === null || !@$this->job->sendStatus(0, 0)) {
            $this->worker?->abandon();
            $this->worker = null;
            throw $this->lost();
        }
    }

    private function end(Closure $how): void
    {
        $worker = $this->worker ?? throw $this->lost();
        $this->worker = null;
        $how($worker);
        ($this->idle)($worker);
    }

    private function lost(): QueueException
    {
        return new QueueException("The job $this->handle of '$this->queue' is not ours any more: it is over, or its server or the connection to it ended and it will be run again");
    }
}
