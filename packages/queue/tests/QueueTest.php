<?php

declare(strict_types=1);

namespace GearmanRs\Queue\Tests;

use GearmanRs\Queue\Counts;
use GearmanRs\Queue\Module;
use GearmanRs\Queue\Options;
use GearmanRs\Queue\Priority;
use GearmanRs\Queue\Queue;
use GearmanRs\Queue\QueueException;
use GearmanRs\Queue\TakenJob;
use GearmanRs\Queue\Worker;
use GearmanRs\Testing\WithGearmanServer;
use PHPUnit\Framework\TestCase;

final class QueueTest extends TestCase
{
    use WithGearmanServer;

    private Queue $queue;

    private string $name;

    protected function setUp(): void
    {
        $this->queue = new Queue(new Options([self::gearman()->address()]));
        $this->name = 'q' . bin2hex(random_bytes(6));
    }

    protected function tearDown(): void
    {
        unset($this->queue);
    }

    public function testAJobIsTakenAndCompleted(): void
    {
        $handle = $this->queue->put($this->name, 'body');
        self::assertSame([1, 0], $this->counts());
        $job = $this->take();
        self::assertSame([$this->name, 'body', $handle], [$job->queue, $job->body, $job->handle]);
        self::assertSame([1, 1], $this->counts());
        $job->complete();
        $this->awaitCounts(0, 0);
        self::assertNull($this->queue->take($this->name, 0));
    }

    public function testBytesAreKept(): void
    {
        $body = random_bytes(300_000) . "\0\n";
        $this->queue->put($this->name, $body);
        $job = $this->take();
        self::assertSame($body, $job->body);
        $job->complete($body);
        $this->awaitCounts(0, 0);
    }

    public function testJobsAreTakenInTheirOrderAndByPriority(): void
    {
        $this->queue->put($this->name, 'low', 0, Priority::Low);
        $this->queue->put($this->name, 'first');
        $this->queue->put($this->name, 'second');
        $this->queue->put($this->name, 'high', 0, Priority::High);
        self::assertSame(['high', 'first', 'second', 'low'], $this->takeAll());
    }

    public function testAUniqueKeyIsOneJob(): void
    {
        $handle = $this->queue->put($this->name, 'once', unique: 'key');
        self::assertSame($handle, $this->queue->put($this->name, 'twice', unique: 'key'));
        $job = $this->take();
        self::assertSame(['once', 'key'], [$job->body, $job->unique]);
        $job->complete();
        self::assertNull($this->queue->take($this->name, 0));
    }

    public function testADelayedJobWaits(): void
    {
        if (Module::isPecl()) {
            $this->expectException(QueueException::class);
            $this->expectExceptionMessage("gearman_rs's module");
        }
        $due = microtime(true) + 1.2;
        $this->queue->put($this->name, 'later', 1.2);
        self::assertNull($this->queue->take($this->name, 0));
        self::assertSame([1, 0], $this->counts());
        $job = $this->take();
        self::assertGreaterThanOrEqual($due, microtime(true));
        $job->complete();
    }

    public function testQueuesAreLookedAtOneByOne(): void
    {
        $other = $this->name . 'b';
        $this->queue->put($this->name, 'a');
        $this->queue->put($other, 'b');
        $this->queue->put($this->name, 'c');
        foreach ([[$other, 'b'], [$this->name, 'a'], [$this->name, 'c'], [$other, null]] as [$queue, $body]) {
            $job = $this->queue->take($queue, 0);
            self::assertSame($body, $job?->body);
            $job?->complete();
        }
    }

    /** A worker that once looked at a queue must not be in the way of others there. */
    public function testAnIdleOneTakesNothing(): void
    {
        self::assertNull($this->queue->take($this->name, 0));
        self::assertNull($this->queue->take($this->name . 'b', 0));
        $other = new Queue(new Options([self::gearman()->address()]));
        foreach ([$this->name, $this->name . 'b'] as $name) {
            $other->put($name, 'body');
            $job = $other->take($name, 10);
            self::assertSame('body', $job?->body);
            $job->complete();
        }
    }

    public function testJobsCanBeTakenAtTheSameTime(): void
    {
        foreach (['a', 'b', 'c'] as $body) {
            $this->queue->put($this->name, $body);
        }
        $jobs = [$this->take(), $this->take(), $this->take()];
        self::assertSame(['a', 'b', 'c'], array_map(static fn (TakenJob $job) => $job->body, $jobs));
        self::assertSame([3, 3], $this->counts());
        $jobs[1]->complete();
        $this->awaitCounts(2, 2);
        $jobs[0]->complete();
        $jobs[2]->complete();
        $this->awaitCounts(0, 0);
    }

    public function testADroppedJobIsThereAgain(): void
    {
        $this->queue->put($this->name, 'body');
        $job = $this->take();
        unset($job);
        $this->awaitCounts(1, 0);
        $job = $this->take();
        self::assertSame('body', $job->body);
        self::assertSame(Module::isPecl() ? 0 : 2, $job->attempt);
        $job->complete();
    }

    /** @dataProvider ends */
    #[\PHPUnit\Framework\Attributes\DataProvider('ends')]
    public function testAProcessThatEndsLosesNoJob(string $how): void
    {
        $this->queue->put($this->name, 'body');
        $process = proc_open(
            [getenv('TEST_PHP') ?: PHP_BINARY, __DIR__ . '/ends.php', self::gearman()->address(), $this->name, $how],
            [1 => ['pipe', 'w'], 2 => ['file', '/dev/null', 'w']],
            $pipes,
        );
        self::assertSame("body\n", fgets($pipes[1]));
        stream_get_contents($pipes[1]);
        proc_close($process);
        $this->awaitCounts(1, 0);
        $job = $this->take();
        self::assertSame('body', $job->body);
        $job->complete();
        $this->awaitCounts(0, 0);
    }

    /** @return array<string, array{string}> */
    public static function ends(): array
    {
        $ends = ['end', 'exit', 'exit in a function that holds it', 'uncaught exception', 'fatal error', 'SIGKILL'];

        return array_combine($ends, array_map(static fn (string $end) => [$end], $ends));
    }

    public function testAForkThatEndsLosesNoJob(): void
    {
        $this->queue->put($this->name, 'body');
        $job = $this->take();
        $child = pcntl_fork();
        if ($child === 0) {
            // As at its end, but without what PHPUnit does then.
            unset($job);
            Worker::closeAbandoned();
            posix_kill(posix_getpid(), SIGKILL);
        }
        pcntl_waitpid($child, $status);
        if (Module::isPecl()) {
            // It shares the connection with its forks: what one closes is closed for all.
            $this->awaitCounts(1, 0);
            $job = $this->take();
        }
        self::assertSame([1, 1], $this->counts());
        $job->complete();
        $this->awaitCounts(0, 0);
    }

    public function testAForkHasConnectionsOfItsOwn(): void
    {
        self::assertNull($this->queue->take($this->name, 0));
        $this->queue->put($this->name, 'parent');
        $child = pcntl_fork();
        if ($child === 0) {
            try {
                $this->queue->put($this->name, 'child');
                $this->queue->take($this->name, 5)?->complete();
            } finally {
                posix_kill(posix_getpid(), SIGKILL);
            }
        }
        pcntl_waitpid($child, $status);
        self::assertSame(['child'], $this->takeAll());
    }

    public function testAFailedJobIsOver(): void
    {
        $this->queue->put($this->name, 'body');
        $this->take()->fail();
        $this->awaitCounts(0, 0);
        self::assertNull($this->queue->take($this->name, 0));
    }

    /** As when a job takes too long; the function of the worker is in a fiber, which handlers cannot resume. */
    public function testAJobIsEndedInASignalHandler(): void
    {
        foreach (['complete', 'fail'] as $end) {
            $this->queue->put($this->name, 'body');
            $job = $this->take();
            pcntl_async_signals(true);
            pcntl_signal(SIGUSR1, static fn () => $job->$end());
            posix_kill((int) getmypid(), SIGUSR1);
            $this->awaitCounts(0, 0);
            pcntl_signal(SIGUSR1, SIG_DFL);
        }
        $this->queue->put($this->name, 'another');
        self::assertSame(['another'], $this->takeAll());
    }

    /** A job must not be on its way to a worker that has gone on to the next queue: it would be given back, and count as tried. */
    public function testEachJobIsTakenAtItsFirstTry(): void
    {
        $child = pcntl_fork();
        if ($child === 0) {
            for ($i = 0; $i < 200; $i++) {
                usleep(random_int(0, 4000));
                $this->queue->put($this->name . $i % 2, 'body');
            }
            posix_kill(posix_getpid(), SIGKILL);
        }
        for ($i = $taken = 0; $taken < 200; $i++) {
            $job = $this->queue->take($this->name . $i % 2, $i % 2 * 0.002);
            if ($job !== null) {
                $taken++;
                self::assertLessThanOrEqual(1, $job->attempt);
                $job->complete();
            }
        }
        pcntl_waitpid($child, $status);
    }

    public function testCountsAreToldApart(): void
    {
        self::assertEquals(new Counts(0, 0, 0, null), $this->queue->counts($this->name));
        $this->queue->put($this->name, 'a');
        $this->queue->put($this->name, 'b');
        $delayed = Queue::canDelay() ? 1 : 0;
        if ($delayed) {
            $this->queue->put($this->name, 'c', 1000);
        }
        $job = $this->take();
        $counts = $this->queue->counts($this->name);
        self::assertSame([1, $delayed, 1], [$counts->waiting, $counts->delayed, $counts->running]);
        self::assertSame(1 + $delayed, $this->queue->queued($this->name));
        self::assertGreaterThan(0, $counts->oldest);
        $job->complete();
    }

    public function testAnEndedJobIsNotOurs(): void
    {
        $this->queue->put($this->name, 'body');
        $job = $this->take();
        $job->keepAlive();
        $job->complete();
        foreach (['complete', 'fail', 'keepAlive'] as $call) {
            try {
                $job->$call();
                self::fail();
            } catch (QueueException $e) {
                self::assertStringContainsString('not ours any more', $e->getMessage());
            }
        }
    }

    public function testQueuesHaveAnyNames(): void
    {
        foreach (["tab\t", "end\nof a line", 'ERR x', '.', "\xff \\x41"] as $name) {
            $this->name = $name . random_int(0, PHP_INT_MAX);
            $this->queue->put($this->name, 'body');
            self::assertSame([1, 0], $this->counts(), $name);
            self::assertSame(1, $this->queue->counts($this->name)->waiting, $name);
            $this->take()->complete();
            $this->awaitCounts(0, 0);
        }
    }

    public function testADelayIsANumberThatTheServerHas(): void
    {
        foreach ([INF, NAN, 1e19] as $delay) {
            try {
                $this->queue->put($this->name, 'body', $delay);
                self::fail("$delay");
            } catch (QueueException $e) {
                self::assertStringContainsString('delay', $e->getMessage());
            }
        }
        self::assertSame(0, $this->queue->size($this->name));
    }

    public function testALongKeyIsNamed(): void
    {
        $this->expectException(QueueException::class);
        $this->expectExceptionMessage('a unique key has up to 63');
        $this->queue->put($this->name, 'body', 0, Priority::Normal, str_repeat('k', 65));
    }

    public function testAnEmptyJobIsRefused(): void
    {
        $this->expectException(QueueException::class);
        $this->expectExceptionMessage('may not be empty');
        $this->queue->put($this->name, '');
    }

    public function testAClosedOneOpensAgain(): void
    {
        $this->queue->put($this->name, 'a');
        self::assertSame(['a'], $this->takeAll());
        $this->queue->close();
        $this->queue->put($this->name, 'b');
        self::assertSame(['b'], $this->takeAll());
    }

    private function take(): TakenJob
    {
        $job = $this->queue->take($this->name, 10);
        self::assertNotNull($job);

        return $job;
    }

    /** @return list<string> */
    private function takeAll(): array
    {
        $bodies = [];
        while ($job = $this->queue->take($this->name, 0)) {
            $bodies[] = $job->body;
            $job->complete();
        }

        return $bodies;
    }

    /** @return array{int, int} */
    private function counts(): array
    {
        return [$this->queue->size($this->name), $this->queue->running($this->name)];
    }

    private function awaitCounts(int $all, int $running): void
    {
        for ($deadline = microtime(true) + 10; $this->counts() !== [$all, $running] && microtime(true) < $deadline;) {
            usleep(5000);
        }
        self::assertSame([$all, $running], $this->counts());
    }
}
