<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests\App\Jobs;

use Closure;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;
use RuntimeException;

/** Writes down each of its tries, and what became of it. What it does besides is said when it is dispatched. */
class Note implements ShouldQueue
{
    use Dispatchable;
    use InteractsWithQueue;
    use Queueable;

    /**
     * Where the application has a file storage/healed, all succeed.
     *
     * @param string $does one of the cases below
     * @param int $until how many tries it does that; then it succeeds
     * @param float $for seconds: how long it takes, or is delayed
     */
    public function __construct(
        public string $name,
        public string $does = 'succeed',
        public int $until = PHP_INT_MAX,
        public float $for = 0,
    ) {
    }

    /** Of a class that workers have, too. */
    public static function closure(string $name): Closure
    {
        return static fn () => self::write("$name done");
    }

    public function handle(): void
    {
        $this->note('try ' . $this->attempts());
        if ($this->attempts() <= $this->until && !is_file(storage_path('healed'))) {
            match ($this->does) {
                'succeed' => null,
                'throw' => throw new RuntimeException("$this->name was told to throw"),
                'release' => $this->release((int) $this->for),
                'sleep' => self::sleep($this->for),
                'die' => posix_kill(getmypid(), SIGKILL),
                'exit' => exit(3),
                'fail' => $this->fail(new RuntimeException("$this->name was told to fail")),
            };
        }
        if (!$this->job->isDeletedOrReleased()) {
            $this->note('done');
        }
    }

    public function failed(): void
    {
        $this->note('failed');
    }

    private function note(string $what): void
    {
        self::write("$this->name $what");
    }

    private static function write(string $line): void
    {
        file_put_contents(storage_path('journal'), "$line\n", FILE_APPEND);
    }

    /** Signals do not shorten it. */
    private static function sleep(float $seconds): void
    {
        $end = microtime(true) + $seconds;
        while (($left = $end - microtime(true)) > 0) {
            usleep((int) ($left * 1e6));
        }
    }
}
