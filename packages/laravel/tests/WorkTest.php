<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use GearmanRs\Laravel\Tests\App\Jobs\BatchedNote;
use GearmanRs\Laravel\Tests\App\Jobs\Legacy;
use GearmanRs\Laravel\Tests\App\Jobs\Note;
use GearmanRs\Laravel\Tests\App\Jobs\SecretNote;
use GearmanRs\Laravel\Tests\App\Jobs\UniqueNote;
use GearmanRs\Queue\Module;
use GearmanRs\Queue\Options;
use GearmanRs\Queue\Queue;
use Illuminate\Support\Facades\Bus;

/** The framework's own commands: queue:work and its like. */
final class WorkTest extends LaravelTestCase
{
    public function testOnceIsOneJob(): void
    {
        Note::dispatch('a');
        Note::dispatch('b');
        $printed = $this->folder->artisan('queue:work', '--once', '--sleep=0');
        self::assertStringContainsString('Note', $printed);
        self::assertSame(['a try 1', 'a done'], $this->folder->journal());
        self::assertSame(1, $this->queue()->size());
    }

    public function testItStopsWhenEmptyAndTakesTheMostUrgentQueueFirst(): void
    {
        foreach (['low' => 'c', 'default' => 'b', 'high' => 'a'] as $queue => $name) {
            Note::dispatch("{$name}1")->onQueue($queue);
            Note::dispatch("{$name}2")->onQueue($queue);
        }
        $this->work('--queue=high,default,low');
        self::assertSame(['a1', 'a2', 'b1', 'b2', 'c1', 'c2'], $this->done());
    }

    public function testItStopsAfterSoManyJobs(): void
    {
        foreach (['a', 'b', 'c'] as $name) {
            Note::dispatch($name);
        }
        $this->folder->artisan('queue:work', '--max-jobs=2', '--sleep=0');
        self::assertSame(['a', 'b'], $this->done());
        self::assertSame(1, $this->queue()->size());
    }

    public function testAJobThatComesWhileItWaitsIsDone(): void
    {
        $worker = $this->folder->start('queue:work', '--sleep=0', '--queue=high,default');
        $this->awaitWorkers();
        Note::dispatch('a');
        $this->awaitJournal(['a try 1', 'a done']);
        Note::dispatch('b')->onQueue('high');
        $this->awaitJournal(['a try 1', 'a done', 'b try 1', 'b done']);
        self::assertSame(0, $worker->stop());
    }

    public function testAtSigtermItDoesItsJobAndStops(): void
    {
        Note::dispatch('a', 'sleep', for: 1);
        Note::dispatch('b');
        $worker = $this->folder->start('queue:work');
        $this->awaitJournal(['a try 1']);
        self::assertSame(0, $worker->stop());
        self::assertSame(['a'], $this->done());
        self::assertSame(1, $this->queue()->size());
    }

    public function testItGoesOnWhenTheServerIsBack(): void
    {
        $worker = $this->folder->start('queue:work', '--sleep=0');
        $this->awaitWorkers();
        $this->server->kill();
        Await::that(fn () => str_contains($this->folder->log(), $this->server->address()), fn () => 'nobody hears of it');
        $this->server = $this->server->startAgain();
        Note::dispatch('a');
        $this->awaitJournal(['a try 1', 'a done']);
        self::assertSame(0, $worker->stop());
    }

    public function testItStopsAtARestart(): void
    {
        $worker = $this->folder->start('queue:work', '--sleep=0');
        Note::dispatch('a');
        $this->awaitJournal(['a try 1', 'a done']);
        // The signal is a time, in seconds.
        $started = time();
        Await::that(fn () => time() > $started, fn () => 'time stands still');
        $this->folder->artisan('queue:restart');
        self::assertSame(0, $worker->status());
    }

    public function testAFailedJobIsTriedAgain(): void
    {
        Note::dispatch('a', 'throw', 2);
        $this->work('--tries=3');
        self::assertSame(['a try 1', 'a try 2', 'a try 3', 'a done'], $this->folder->journal());
    }

    public function testTriesAreBackedOff(): void
    {
        $this->needsOurs('delays');
        $begin = microtime(true);
        Note::dispatch('a', 'throw', 1);
        $this->folder->artisan('queue:work', '--tries=2', '--backoff=2', '--max-jobs=2', '--sleep=0');
        self::assertSame(['a try 1', 'a try 2', 'a done'], $this->folder->journal());
        self::assertGreaterThanOrEqual(2.0, microtime(true) - $begin);
    }

    public function testAReleasedJobComesBack(): void
    {
        Note::dispatch('a', 'release', 1);
        $this->work('--tries=3');
        self::assertSame(['a try 1', 'a try 2', 'a done'], $this->folder->journal());
    }

    public function testAFailedJobIsKeptAndRetried(): void
    {
        Note::dispatch('a', 'throw', 2)->onQueue('other');
        $this->work('--queue=other', '--tries=2');
        $journal = ['a try 1', 'a try 2', 'a failed'];
        self::assertSame($journal, $this->folder->journal());
        self::assertSame(0, $this->queue()->size('other'));
        self::assertStringContainsString('other', $this->folder->artisan('queue:failed', '--no-ansi'));
        $this->folder->artisan('queue:retry', 'all');
        self::assertSame(1, $this->queue()->size('other'));
        // Its attempts are counted anew.
        $this->work('--queue=other', '--tries=2');
        self::assertSame([...$journal, 'a try 1', 'a try 2', 'a failed'], $this->folder->journal());
    }

    public function testAJobThatFailsByItselfIsOver(): void
    {
        Note::dispatch('a', 'fail');
        $this->work('--tries=3');
        self::assertSame(['a try 1', 'a failed'], $this->folder->journal());
        self::assertSame(0, $this->queue()->size());
    }

    /** The worker kills itself from within a signal handler, where nothing of a fiber's can be done. */
    public function testAJobThatTakesTooLongFails(): void
    {
        Note::dispatch('a', 'sleep', for: 600);
        $worker = $this->folder->start('queue:work', '--timeout=1');
        self::assertNotSame(0, $worker->status());
        self::assertSame(['a try 1', 'a failed'], $this->folder->journal());
        Await::that(fn () => $this->queue()->size() === 0, fn () => 'it is still there');
        self::assertStringContainsString('default', $this->folder->artisan('queue:failed', '--no-ansi'));
    }

    public function testAJobThatTakesTooLongIsTriedAgain(): void
    {
        $this->needsOurs('attempts of killed workers');
        Note::dispatch('a', 'sleep', 1, 600);
        $worker = $this->folder->start('queue:work', '--timeout=1', '--tries=3');
        self::assertNotSame(0, $worker->status());
        $this->work('--tries=3');
        self::assertSame(['a try 1', 'a try 2', 'a done'], $this->folder->journal());
    }

    /** @dataProvider ends */
    #[\PHPUnit\Framework\Attributes\DataProvider('ends')]
    public function testAJobWhoseWorkerEndsGoesToAnother(string $does): void
    {
        $this->needsOurs('attempts of killed workers');
        Note::dispatch('a', $does);
        foreach ([1, 2] as $worker) {
            self::assertNotSame(0, $this->folder->start('queue:work', '--tries=2', '--stop-when-empty')->status());
        }
        // It has killed two of them; a third is not given to it.
        $this->work('--tries=2');
        self::assertSame(['a try 1', 'a try 2', 'a failed'], $this->folder->journal());
    }

    /** @return array<string, array{string}> */
    public static function ends(): array
    {
        return ['SIGKILL' => ['die'], 'exit()' => ['exit']];
    }

    public function testAJobThatNeitherIsDeletedNorReleasedComesBack(): void
    {
        $this->app['queue']->push(Legacy::class, ['name' => 'a']);
        $this->folder->artisan('queue:work', '--tries=2', '--max-jobs=2', '--sleep=0');
        $tries = Module::isPecl() ? ['a 1', 'a 1'] : ['a 1', 'a 2'];
        self::assertSame($tries, $this->folder->journal());
    }

    public function testAUniqueJobIsThereOnce(): void
    {
        UniqueNote::dispatch('a', 'throw', 1);
        UniqueNote::dispatch('a');
        UniqueNote::dispatch('b');
        self::assertSame(2, $this->queue()->size());
        // It holds its place while it is tried again.
        $this->work('--tries=2');
        self::assertSame(['b', 'a'], $this->done());
        UniqueNote::dispatch('a');
        self::assertSame(1, $this->queue()->size());
    }

    public function testClosuresAndChainsWork(): void
    {
        dispatch(Note::closure('closure'));
        Note::withChain([new Note('second'), new Note('third')])->dispatch('first');
        $this->work();
        self::assertSame(['closure', 'first', 'second', 'third'], $this->done());
    }

    /** The batch is over when its last job is, also where one was tried again or released. */
    public function testABatchWorks(): void
    {
        $jobs = [new BatchedNote('a'), new BatchedNote('b', 'throw', 1), new BatchedNote('c', 'release', 1)];
        $batch = Bus::batch($jobs)->then(Note::closure('all'))->onQueue('batches')->dispatch();
        self::assertSame(3, $this->queue()->size('batches'));
        $this->work('--queue=batches', '--tries=3');
        self::assertSame(['a', 'b', 'c', 'all'], $this->done());
        $batch = $batch->fresh();
        self::assertTrue($batch->finished());
        self::assertSame([3, 0, 0], [$batch->totalJobs, $batch->pendingJobs, $batch->failedJobs]);
    }

    public function testABatchWhoseJobFailsIsCancelled(): void
    {
        $jobs = [new BatchedNote('a', 'throw'), new BatchedNote('b')];
        $batch = Bus::batch($jobs)->catch(Note::closure('caught'))->dispatch();
        $this->work('--tries=2');
        self::assertSame(['b', 'caught'], $this->sorted($this->done()));
        self::assertTrue($batch->fresh()->cancelled());
        self::assertSame(1, $batch->fresh()->failedJobs);
        touch(storage_path('healed'));
        $this->folder->artisan('queue:retry-batch', $batch->id);
        $this->work('--tries=2');
        self::assertSame(['a', 'b', 'caught'], $this->sorted($this->done()));
        self::assertSame(0, $batch->fresh()->pendingJobs);
    }

    public function testAnEncryptedJobIsReadByNobodyElse(): void
    {
        SecretNote::dispatch('a password', 'throw', 1);
        $server = new Queue(new Options([$this->server->address()]));
        $taken = $server->take('default', 0);
        self::assertStringContainsString('SecretNote', $taken->body);
        self::assertStringNotContainsString('password', $taken->body);
        unset($taken);
        $server->take('none', 0); // pecl's module gives it back now
        $this->work('--tries=2');
        self::assertSame(['a password'], $this->done());
    }

    public function testListenAndMonitorWork(): void
    {
        Note::dispatch('a');
        self::assertMatchesRegularExpression('/default\W+1\W/', $this->folder->artisan('queue:monitor', 'gearman:default'));
        $listener = $this->folder->start('queue:listen', '--sleep=0');
        $this->awaitJournal(['a try 1', 'a done']);
        $listener->stop();
    }

    /** A worker that has looked at a queue, and does a job of another, is in nobody's way. */
    public function testABusyWorkerTakesNothingMore(): void
    {
        Note::dispatch('busy', 'sleep', for: 600)->onQueue('low');
        $busy = $this->folder->start('queue:work', '--queue=high,low', '--sleep=0');
        $this->awaitJournal(['busy try 1']);
        Note::dispatch('a')->onQueue('high');
        $this->work('--queue=high');
        self::assertSame(['a'], $this->done());
        $busy->signal(SIGKILL);
        $busy->status();
    }

    /**
     * @param list<string> $names
     * @return list<string>
     */
    private function sorted(array $names): array
    {
        sort($names);
        return $names;
    }

    private function work(string ...$arguments): void
    {
        $this->folder->artisan('queue:work', '--stop-when-empty', '--sleep=0', ...$arguments);
    }

    /** @return list<string> */
    private function done(): array
    {
        return array_values(preg_replace('/ done$/', '', preg_grep('/ done$/', $this->folder->journal())));
    }

    private function awaitWorkers(): void
    {
        Await::that(
            fn () => preg_grep('/^default\t\d+\t\d+\t[1-9]/', $this->server->ask('status')) !== [],
            fn () => 'no worker comes: ' . $this->folder->log(),
        );
    }
}
