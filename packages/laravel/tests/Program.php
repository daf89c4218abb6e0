<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use RuntimeException;

/** A command that runs beside the test, such as queue:work; ended with it. What it prints goes to a file. */
final class Program
{
    private const PATIENCE = 120;

    /** @var resource */
    private $process;
    private string $output;
    private ?int $status = null;

    /** @param list<string> $command */
    public function __construct(array $command, string $folder)
    {
        $this->output = tempnam($folder, 'output-');
        $files = [['file', '/dev/null', 'r'], ['file', $this->output, 'w'], ['file', $this->output, 'a']];
        $this->process = proc_open($command, $files, $pipes, $folder) ?: throw new RuntimeException("$command[0] does not start");
    }

    public function __destruct()
    {
        if ($this->runs()) {
            $this->signal(SIGKILL);
            $this->status();
        }
    }

    public function runs(): bool
    {
        if ($this->status === null) {
            $now = proc_get_status($this->process);
            // After a signal as the shell has it.
            $this->status = $now['running'] ? null : ($now['signaled'] ? 128 + $now['termsig'] : $now['exitcode']);
        }
        return $this->status === null;
    }

    public function signal(int $signal): void
    {
        proc_terminate($this->process, $signal);
    }

    /**
     * Asks it to end, and again each 20 seconds: PHP forgets a signal that comes while an exception is on its way to its catch, and
     * Laravel throws one in each turn.
     */
    public function stop(): int
    {
        $asked = 0;
        Await::that(function () use (&$asked) {
            if (microtime(true) - $asked > 20) {
                $asked = microtime(true);
                $this->signal(SIGTERM);
            }
            return !$this->runs();
        }, fn () => "it does not stop: {$this->printed()}", self::PATIENCE);
        return $this->status;
    }

    /** Waits for its end. */
    public function status(): int
    {
        Await::that(fn () => !$this->runs(), fn () => "it does not end: {$this->printed()}", self::PATIENCE);
        return $this->status;
    }

    public function printed(): string
    {
        return (string) file_get_contents($this->output);
    }
}
