<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use GearmanRs\Laravel\Tests\App\Jobs\Note;
use GearmanRs\Queue\Module;

/** Many jobs, some of which throw, are released with a delay or always fail, while workers are stopped and killed: none is lost. */
final class ManyTest extends LaravelTestCase
{
    private const PATIENCE = 1800;

    /** @var list<Program> */
    private array $workers = [];
    private int $killed = 0;
    private int $stopped = 0;

    public function testNoneIsLost(): void
    {
        $many = (int) (getenv('PACKAGES_MESSAGES') ?: 300);
        $fail = $this->dispatch($many);
        $this->workers = [$this->worker(), $this->worker(), $this->worker()];
        $this->endOne(0, SIGTERM, $many / 6);
        $this->endOne(1, SIGKILL, $many / 3);
        $this->endOne(2, SIGKILL, $many / 2);
        $this->endOne(1, SIGTERM, $many * 2 / 3);
        $this->awaitDone($many - $fail);
        Await::that(fn () => $this->failed() === $fail, fn () => "{$this->failed()} of $fail have failed", self::PATIENCE);

        touch("{$this->folder->base}/storage/healed");
        $this->folder->artisan('queue:retry', 'all');
        $this->awaitDone($many);
        $this->awaitWorkers();
        foreach ($this->workers as $worker) {
            self::assertSame(0, $worker->stop());
        }
        Await::that(fn () => $this->left() === 0, fn () => "{$this->left()} are left");
        $done = preg_grep('/ done$/', $this->folder->journal());
        self::assertCount($many, array_unique($done));
        fprintf(
            STDERR,
            "\nmany: %d dispatched, %d done, %d of them twice, %d after they had failed and were retried; %d tries; %d workers stopped, %d killed\n",
            $many,
            count(array_unique($done)),
            count($done) - count(array_unique($done)),
            $fail,
            count(preg_grep('/ try \d+$/', $this->folder->journal())),
            $this->stopped,
            $this->killed,
        );
    }

    /** @return int how many of them will fail */
    private function dispatch(int $many): int
    {
        $fail = 0;
        for ($i = 0; $i < $many; $i++) {
            $job = match (true) {
                $i % 50 === 0 => new Note("n$i", 'throw'),
                $i % 5 === 0 => new Note("n$i", 'throw', 1),
                $i % 7 === 0 => new Note("n$i", 'release', 1, 1),
                default => new Note("n$i"),
            };
            $this->queue()->push($job, '', $i % 2 === 0 ? 'high' : 'default');
            $fail += (int) ($i % 50 === 0);
        }

        return $fail;
    }

    private function worker(): Program
    {
        $backoff = Module::isPecl() ? 0 : 1;

        return $this->folder->start('queue:work', '--queue=high,default', '--tries=4', "--backoff=$backoff", '--sleep=0', '--quiet');
    }

    /** When so many are done; another takes its place. */
    private function endOne(int $which, int $signal, float $when): void
    {
        $this->awaitDone((int) $when);
        $worker = $this->workers[$which];
        $this->awaitWorkers();
        if ($signal === SIGTERM) {
            self::assertSame(0, $worker->stop());
            $this->stopped++;
        } else {
            $worker->signal($signal);
            self::assertSame(128 + SIGKILL, $worker->status());
            $this->killed++;
        }
        $this->workers[$which] = $this->worker();
    }

    /** One that has not yet begun could not heed a signal. */
    private function awaitWorkers(): void
    {
        $ready = fn () => count(preg_grep('/ : .*\bdefault\b/', $this->server->ask('workers'))) === count($this->workers);
        Await::that($ready, fn () => 'not all workers are there', self::PATIENCE);
    }

    private function awaitDone(int $many): void
    {
        $done = fn () => count(array_unique(preg_grep('/ done$/', $this->folder->journal())));
        $over = function () use ($done, $many): bool {
            foreach ($this->workers as $worker) {
                self::assertTrue($worker->runs(), $worker->printed());
            }

            return $done() >= $many;
        };
        Await::that($over, fn () => "{$done()} of $many are done", self::PATIENCE);
    }

    private function failed(): int
    {
        return $this->app['db']->table('failed_jobs')->count();
    }

    private function left(): int
    {
        return $this->queue()->size('high') + $this->queue()->size();
    }
}
