<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

use GearmanClient;

/** Puts jobs into queues, and takes them from there one by one. Connects when it is used. */
final class Queue
{
    /** Seconds without a use, after which pecl's client may have lost its connection without having seen it. */
    private const STALE = 2.0;

    /** The return code, for which neither module has a constant. */
    private const INVALID_ARGUMENT = 49;

    /** In seconds: some 30,000 years. */
    private const LONGEST_DELAY = 1e12;

    private ?GearmanClient $client = null;

    /** How many of the servers it has. */
    private int $reached = 0;

    private float $made = 0.0;

    private float $used = 0.0;

    private int $process = 0;

    /** @var array<string, Worker> By queue, a worker without a job: jobs that are taken at the same time have one each. */
    private array $idle = [];

    private readonly Servers $servers;

    public function __construct(private readonly Options $options)
    {
        $this->servers = new Servers($options);
    }

    /**
     * @param float $delaySeconds How long the job waits at the server, in whole seconds, never shorter. Such a job has no priority.
     * @param string|null $unique A job with the same key that waits or runs in this queue is this job.
     * @return string The job's handle.
     */
    public function put(
        string $queue,
        string $body,
        float $delaySeconds = 0,
        Priority $priority = Priority::Normal,
        ?string $unique = null,
    ): string {
        if ($body === '') {
            throw new QueueException("A job of '$queue' may not be empty");
        }
        if (!($delaySeconds <= self::LONGEST_DELAY)) {
            throw new QueueException("A job of '$queue' cannot have a delay of $delaySeconds s");
        }
        Worker::closeAbandoned();
        $submit = fn (GearmanClient $client): string => (string) ($delaySeconds > 0
            ? $this->putLater($client, $queue, $body, $delaySeconds, $unique)
            : match ($priority) {
                Priority::High => @$client->doHighBackground($queue, $body, $unique),
                Priority::Normal => @$client->doBackground($queue, $body, $unique),
                Priority::Low => @$client->doLowBackground($queue, $body, $unique),
            });
        $client = $this->client();
        $handle = $submit($client);
        if ($handle === '' && self::isAway($client) && $this->reached < count($this->options->servers)) {
            // Nothing was sent, and one that was passed over may be well by now.
            $this->servers->useAll();
            $this->client = null;
            $client = $this->client();
            $handle = $submit($client);
        }
        $this->used = microtime(true);
        if ($handle === '') {
            $this->client = null;
            $refused = $this->refused($queue, $client);
            if ($client->returnCode() === GEARMAN_TIMEOUT) {
                $this->servers->passOver();
            }
            throw $refused;
        }

        return $handle;
    }

    /** @param float $waitSeconds How long to wait for a job; 0: only what waits now. */
    public function take(string $queue, float $waitSeconds): ?TakenJob
    {
        Worker::closeAbandoned();
        $idle = ($this->idle[$queue] ?? null)?->isUsable($this->servers) ? $this->idle[$queue] : null;
        unset($this->idle[$queue]);
        try {
            $worker = $idle ?? new Worker($this->servers->options(), $queue);
            $job = $worker->take($waitSeconds);
        } catch (QueueException $e) {
            // One of several does not answer; or the server of the idle one was restarted.
            if (!$this->servers->passOver() && $idle === null) {
                throw $e;
            }
            $worker = new Worker($this->servers->options(), $queue);
            $job = $worker->take($waitSeconds);
        }
        if ($worker->isOwed()) {
            $this->servers->doubt();
        } elseif ($job === null) {
            $this->idle[$queue] = $worker;
        }

        return $job === null ? null : new TakenJob($queue, $job, $worker, function (Worker $worker) use ($queue): void {
            $this->idle[$queue] = $worker;
        });
    }

    /** Jobs of all servers that wait, also for their time, or run. */
    public function size(string $queue): int
    {
        return $this->allAndRunning($queue)[0];
    }

    /** Jobs of all servers that run. */
    public function running(string $queue): int
    {
        return $this->allAndRunning($queue)[1];
    }

    /** Those of size() that do not run; of one reading, as jobs begin and end between two. */
    public function queued(string $queue): int
    {
        [$all, $running] = $this->allAndRunning($queue);

        return $all - $running;
    }

    /** What size() and running() tell, and more where the servers are gearman_rs's. */
    public function counts(string $queue): Counts
    {
        Worker::closeAbandoned();

        return AdminText::detailed($this->options, $queue);
    }

    /** Delays want gearman_rs's module. */
    public static function canDelay(): bool
    {
        return method_exists(GearmanClient::class, 'doBackgroundAt');
    }

    /** Closes all connections, but those of jobs that are taken. */
    public function close(): void
    {
        Worker::closeAbandoned();
        $this->client = null;
        $this->idle = [];
    }

    /** @return array{int, int} */
    private function allAndRunning(string $queue): array
    {
        Worker::closeAbandoned();

        return AdminText::counts($this->options, $queue);
    }

    private function client(): GearmanClient
    {
        $now = microtime(true);
        $isStale = Module::isPecl() && $now - $this->used > self::STALE;
        if (
            $this->client === null
            || $this->process !== getmypid()
            || $this->servers->mayLack($this->reached, $now - $this->made)
            || ($isStale && !@$this->client->ping('?'))
        ) {
            [$this->client, $this->reached] = $this->newClient();
            $this->process = (int) getmypid();
            $this->made = microtime(true);
        }

        return $this->client;
    }

    /** @return array{GearmanClient, positive-int} */
    private function newClient(): array
    {
        try {
            return Module::client($this->servers->options());
        } catch (QueueException $e) {
            return $this->servers->passOver() ? Module::client($this->servers->options()) : throw $e;
        }
    }

    private function putLater(GearmanClient $client, string $queue, string $body, float $delay, ?string $unique): string
    {
        if (!self::canDelay()) {
            throw new QueueException("A job of '$queue' with a delay wants gearman_rs's module; pecl's gearman, which is loaded, cannot submit it");
        }

        return @$client->doBackgroundAt($queue, $body, (int) ceil(microtime(true) + $delay), $unique);
    }

    /** Could no server be reached? gearman_rs's module keeps those whose names are not known. */
    private static function isAway(GearmanClient $client): bool
    {
        return in_array($client->returnCode(), [GEARMAN_COULD_NOT_CONNECT, GEARMAN_GETADDRINFO], true);
    }

    private function refused(string $queue, GearmanClient $client): QueueException
    {
        $servers = implode(', ', $this->options->servers);
        $why = (string) $client->error();
        $mend = match ($client->returnCode()) {
            GEARMAN_COULD_NOT_CONNECT, GEARMAN_GETADDRINFO => 'Is gearmand started there, and may this host connect?',
            GEARMAN_TIMEOUT, GEARMAN_LOST_CONNECTION => 'It may have been queued nevertheless.',
            GEARMAN_JOB_QUEUE_FULL => "The queue's policy at the server has a max-queue: more workers are needed, or a larger one.",
            self::INVALID_ARGUMENT => 'A queue has a name of 1 to 512 bytes, a unique key has up to 63 (or 64: gearman_rs), and neither has a NUL.',
            default => 'The log of gearmand may say more.',
        };

        return new QueueException("A job of '$queue' was not queued at $servers ($why). $mend");
    }
}
