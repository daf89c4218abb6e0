<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use GearmanRs\Laravel\GearmanJob;
use GearmanRs\Laravel\GearmanQueue;
use GearmanRs\Laravel\Tests\App\Jobs\Note;
use GearmanRs\Queue\Module;
use GearmanRs\Queue\QueueException;
use Illuminate\Support\Facades\Queue;

/** The driver, without a worker of Laravel's. */
final class QueueTest extends LaravelTestCase
{
    public function testAJobIsPushedPoppedAndDeleted(): void
    {
        $queue = $this->queue();
        self::assertSame(0, $queue->size());
        $handle = $queue->push(new Note('a'));
        self::assertSame(1, $queue->size());
        $job = $this->pop();
        self::assertSame([$handle, 'default', 'gearman'], [$job->getJobId(), $job->getQueue(), $job->getConnectionName()]);
        self::assertSame([Note::class, 1], [$job->resolveName(), $job->attempts()]);
        $job->delete();
        self::assertTrue($job->isDeleted());
        self::assertNull($queue->pop());
        self::assertSame(0, $queue->size());
    }

    public function testARawPayloadIsKept(): void
    {
        $payload = '{"job":"Some@thing","data":{"none":{},"umlaut":"ö","number":1.0}}';
        $this->queue()->pushRaw($payload, 'raw');
        $job = $this->pop('raw');
        self::assertSame($payload, $job->getRawBody());
        $job->release();
        $job = $this->pop('raw');
        self::assertSame('{"job":"Some@thing","data":{"none":{},"umlaut":"ö","number":1.0},"attempts":1}', $job->getRawBody());
        self::assertSame(2, $job->attempts());
        $job->delete();
    }

    public function testAJobComesLater(): void
    {
        if (Module::isPecl()) {
            $this->expectException(QueueException::class);
            $this->expectExceptionMessage("gearman_rs's module");
        }
        $due = microtime(true) + 1;
        $this->queue()->later(1, new Note('a'));
        self::assertNull($this->queue()->pop());
        self::assertSame([1, 0, 1, 0], $this->sizes());
        $this->pop()->delete();
        self::assertGreaterThanOrEqual($due, microtime(true));
    }

    public function testBulkHeedsDelays(): void
    {
        $this->needsOurs('delays');
        $this->queue()->bulk([new Note('a'), (new Note('b'))->delay(1000), 'Some@thing'], 'data', 'many');
        self::assertSame([2, 1], [$this->queue()->pendingSize('many'), $this->queue()->delayedSize('many')]);
        foreach ([Note::class, 'Some'] as $name) {
            $job = $this->pop('many');
            self::assertSame($name, $job->resolveName());
            $job->delete();
        }
    }

    public function testAReleasedJobCountsItsAttempts(): void
    {
        $this->queue()->push(new Note('a'));
        $uuid = null;
        foreach ([1, 2, 3] as $attempt) {
            $job = $this->pop();
            self::assertSame($attempt, $job->attempts());
            self::assertSame($uuid ??= $job->uuid(), $job->uuid());
            $job->release();
            self::assertTrue($job->isReleased());
            self::assertSame(1, $this->queue()->size());
        }
    }

    public function testAReleasedJobWaitsItsDelay(): void
    {
        $this->queue()->push(new Note('a'));
        $due = microtime(true) + 1;
        $this->pop()->release(1);
        $job = $this->pop();
        self::assertSame(2, $job->attempts());
        if (Module::isPecl()) {
            // It cannot wait. Neither is it lost, nor does nobody hear of it.
            self::assertStringContainsString("released without its delay of 1 s", $this->folder->log());
        } else {
            self::assertGreaterThanOrEqual($due, microtime(true));
        }
    }

    /** As when its worker was killed. */
    public function testADroppedJobIsThereAgainAndCountsAsTried(): void
    {
        $this->queue()->push(new Note('a'));
        $job = $this->pop();
        $job->release();
        $job = $this->pop();
        unset($job);
        $job = $this->pop();
        // The server tells our module alone.
        self::assertSame(Module::isPecl() ? 2 : 3, $job->attempts());
    }

    public function testSizesAreToldApart(): void
    {
        self::assertNull($this->queue()->creationTimeOfOldestPendingJob());
        $before = time();
        $this->queue()->push(new Note('a'));
        $this->queue()->push(new Note('b'));
        $job = $this->pop();
        self::assertSame([1, 1], [$this->queue()->pendingSize(), $this->queue()->reservedSize()]);
        $since = $this->queue()->creationTimeOfOldestPendingJob();
        self::assertTrue($since >= $before - 1 && $since <= time(), "$since");
        $job->delete();
        if (!Module::isPecl()) {
            $this->queue()->later(1000, new Note('c'));
            self::assertSame([2, 1, 1, 0], $this->sizes());
        }
    }

    public function testAQueueIsCleared(): void
    {
        $this->queue()->bulk([new Note('a'), new Note('b')]);
        $this->queue()->push(new Note('c'), '', 'other');
        self::assertSame(2, $this->queue()->clear('default'));
        self::assertSame([0, 1], [$this->queue()->size(), $this->queue()->size('other')]);
        self::assertStringContainsString('Cleared 1 job', $this->folder->artisan('queue:clear', '--queue=other', '--force'));
    }

    public function testJobsWaitForTheCommit(): void
    {
        $this->app['config']->set('queue.connections.gearman.after_commit', true);
        $this->app['db']->transaction(function (): void {
            Note::dispatch('a');
            self::assertSame(0, $this->queue()->size());
        });
        self::assertSame(1, $this->queue()->size());
        $this->app['db']->beginTransaction();
        Note::dispatch('never');
        $this->app['db']->rollBack();
        self::assertSame(1, $this->queue()->size());
        // A job says it for itself, too.
        $this->app['db']->transaction(function (): void {
            Note::dispatch('b')->beforeCommit();
            self::assertSame(2, $this->queue()->size());
        });
    }

    public function testTheFacadeAndEventsWork(): void
    {
        $ids = [];
        $this->app['events']->listen(\Illuminate\Queue\Events\JobQueued::class, function ($event) use (&$ids): void {
            $ids[] = $event->id;
        });
        Queue::push(new Note('a'));
        Note::dispatch('b')->onQueue('other');
        $jobs = [$this->pop(), $this->pop('other')];
        self::assertSame($ids, [$jobs[0]->getJobId(), $jobs[1]->getJobId()]);
    }

    public function testNobodyThereIsSaid(): void
    {
        $this->server->stop();
        $this->expectException(QueueException::class);
        $this->expectExceptionMessage($this->server->address());
        $this->queue()->push(new Note('a'));
    }

    private function pop(?string $queue = null): GearmanJob
    {
        $job = null;
        Await::that(
            function () use ($queue, &$job): bool {
                $job = $this->queue()->pop($queue);

                return $job !== null;
            },
            static fn () => 'no job came',
        );

        return $job;
    }

    /** @return array{int, int, int, int} */
    private function sizes(): array
    {
        $queue = $this->queue();

        return [$queue->size(), $queue->pendingSize(), $queue->delayedSize(), $queue->reservedSize()];
    }
}
