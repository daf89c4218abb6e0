<?php

declare(strict_types=1);

/** A child: one GearmanWorker with all functions, and limits that it looks after between jobs. */
final class Child
{
    private bool $stop = false;
    private int $jobs = 0;
    private readonly float $started;

    /** @param resource $socket Where the parent listens. */
    public function __construct(private readonly array $options, private $socket, private readonly int $parent)
    {
        $this->started = microtime(true);
    }

    /** Works until told to stop or a limit is reached; the exit code. @param int[] $blocked Signals to let in. */
    public function run(array $blocked): int
    {
        array_map(fn(int $signal) => pcntl_signal($signal, SIG_IGN), [SIGHUP, SIGUSR1]);
        pcntl_signal(SIGCHLD, SIG_DFL);
        array_map(fn(int $signal) => pcntl_signal($signal, function (): void { $this->stop = true; }), [SIGTERM, SIGINT]);
        pcntl_sigprocmask(SIG_UNBLOCK, $blocked);
        @cli_set_process_title('gearman manager: child');
        try {
            $worker = $this->makeWorker();
        } catch (Throwable $e) {
            $this->log("cannot start: $e");
            return 1;
        }
        $this->say('idle');
        $lastError = '';
        while (!$this->isOver()) {
            try {
                // work() does not wait. wait() does: for a job, a handled signal or the end of the timeout.
                if (@$worker->work() || @$worker->wait()) {
                    $lastError = '';
                } elseif ($worker->returnCode() !== GEARMAN_TIMEOUT && $worker->error() !== $lastError) {
                    $this->log($lastError = (string) $worker->error()); // once, not every second
                }
            } catch (Throwable $e) {
                $this->log("a job threw $e"); // its client was told as well
            }
        }
        return 0;
    }

    private function makeWorker(): GearmanWorker
    {
        $worker = new GearmanWorker();
        $worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
        $worker->setTimeout(1000); // how often an idle child looks at its limits
        $worker->addServers($this->options['servers'], false); // a server may come up later
        $path = $this->options['functions'];
        foreach (is_dir($path) ? glob("$path/*.php") : [$path] as $file) {
            foreach (require $file as $name => $function) {
                $worker->addFunction($name, fn(GearmanJob $job) => $this->runJob($name, $function, $job));
            }
        }
        return $worker;
    }

    private function runJob(string $name, callable $function, GearmanJob $job): mixed
    {
        $this->say($name);
        try {
            return $function($job);
        } finally {
            $this->jobs++;
            $this->say('idle');
        }
    }

    private function isOver(): bool
    {
        $reached = fn(string $limit, float $value) => $this->options[$limit] > 0 && $value >= $this->options[$limit];
        return $this->stop
            || $reached('max-jobs', $this->jobs)
            || $reached('max-lifetime', microtime(true) - $this->started)
            || $reached('max-memory', memory_get_usage(true) / 2 ** 20)
            || posix_getppid() !== $this->parent; // it is gone
    }

    /** Tells the parent, for its status. */
    private function say(string $doing): void
    {
        $says = ['doing' => $doing, 'jobs' => $this->jobs, 'memory' => memory_get_usage(true) / 2 ** 20];
        @fwrite($this->socket, json_encode($says) . "\n");
    }

    private function log(string $text): void
    {
        fprintf(STDERR, "%s child %d: %s\n", date('Y-m-d H:i:s'), getmypid(), $text);
    }
}
