<?php

declare(strict_types=1);

namespace GearmanRs\Revolt;

use GearmanClient;
use GearmanTask;
use Revolt\EventLoop;
use Revolt\EventLoop\Driver;

/**
 * Submits jobs whose results fibers await: `$client->submit('resize', $image)->await()`. Nothing waits but the fiber that does.
 */
final class GearmanLoopClient
{
    private readonly GearmanClient $client;
    private readonly Driver $loop;
    private readonly Watcher $watcher;

    /**
     * @param GearmanClient|string $servers `host:port,…`, or a client with servers, TLS and timeout, whose callbacks are this object's
     *     from now on
     */
    public function __construct(GearmanClient|string $servers = '127.0.0.1:4730', ?Driver $loop = null)
    {
        $this->loop = $loop ?? EventLoop::getDriver();
        $this->client = $servers instanceof GearmanClient ? $servers : new GearmanClient();
        // First: then what follows does not connect.
        $this->watcher = new Watcher($this->loop, $this->client);
        if (is_string($servers)) {
            $this->client->addServers($servers);
        }
        $this->setCallbacks();
    }

    public function submit(
        string $function,
        string $workload,
        Priority $priority = Priority::Normal,
        ?string $unique = null,
    ): GearmanFuture {
        return $this->add(match ($priority) {
            Priority::High => $this->client->addTaskHigh(...),
            Priority::Normal => $this->client->addTask(...),
            Priority::Low => $this->client->addTaskLow(...),
        }, false, $function, $workload, $unique);
    }

    /** The future is that of the handle: the job is queued then. */
    public function submitBackground(
        string $function,
        string $workload,
        Priority $priority = Priority::Normal,
        ?string $unique = null,
    ): GearmanFuture {
        return $this->add(match ($priority) {
            Priority::High => $this->client->addTaskHighBackground(...),
            Priority::Normal => $this->client->addTaskBackground(...),
            Priority::Low => $this->client->addTaskLowBackground(...),
        }, true, $function, $workload, $unique);
    }

    private function add(
        callable $addTask,
        bool $isBackground,
        string $function,
        string $workload,
        ?string $unique,
    ): GearmanFuture {
        $future = new GearmanFuture($this->loop, $isBackground);
        if (@$addTask($function, $workload, $future, $unique) === false) {
            throw new JobFailed((string) $this->client->error(), $this->client->returnCode());
        }
        $this->watcher->begin();
        return $future;
    }

    private function setCallbacks(): void
    {
        [$client, $watcher] = [$this->client, $this->watcher];
        $complete = static function (GearmanFuture $future, string $last) use ($watcher): void {
            $watcher->end();
            $future->complete($last);
        };
        $fail = static function (GearmanFuture $future, string $text, int $code) use ($watcher): void {
            $watcher->end();
            $future->fail(new JobFailed($text, $code));
        };
        $client->setCreatedCallback(static function (GearmanTask $task, GearmanFuture $future) use ($complete): void {
            if ($future->isBackground) {
                $complete($future, $task->jobHandle());
            }
        });
        $client->setDataCallback(static fn (GearmanTask $task, GearmanFuture $future) => $future->add($task->data()));
        $client->setCompleteCallback(
            static fn (GearmanTask $task, GearmanFuture $future) => $complete($future, $task->data()),
        );
        $client->setExceptionCallback(
            static fn (GearmanTask $task, GearmanFuture $future) => $fail($future, $task->data(), GEARMAN_WORK_EXCEPTION),
        );
        $client->setFailCallback(static function (GearmanTask $task, GearmanFuture $future) use ($client, $fail): void {
            $code = $task->returnCode();
            $fail($future, $code === GEARMAN_WORK_FAIL ? 'the job failed' : (string) $client->error(), $code);
        });
    }

    /** Jobs that are under way go on, and their futures. */
    public function __destruct()
    {
        $this->watcher->close();
    }
}
