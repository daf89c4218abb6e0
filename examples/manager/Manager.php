<?php

declare(strict_types=1);

/** The parent: forks children, replaces them, passes signals on. Loads no functions, talks to no job server. */
final class Manager
{
    private const SIGNALS = [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD];

    /** By process id, see start(). */
    private array $children = [];
    /** Process ids of children that SIGHUP wants replaced. */
    private array $toReplace = [];
    private bool $stopping = false;
    private int $killed = 0;
    private int $jobsOfFormer = 0;
    /** Children that died young, one after another; and when the next may be started. */
    private int $badEnds = 0;
    private float $notBefore = 0;
    /** Signal handlers write here, so that no signal is missed between two looks: [read end, write end]. */
    private array $wake;

    public function __construct(private readonly array $options)
    {
        $this->wake = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        array_map(fn($end) => stream_set_blocking($end, false), $this->wake);
    }

    /** Returns the exit code, once all children have ended. */
    public function run(): int
    {
        pcntl_async_signals(true);
        foreach (self::SIGNALS as $signal) {
            pcntl_signal($signal, fn(int $signal) => fwrite($this->wake[1], chr($signal)));
        }
        @cli_set_process_title('gearman manager');
        $this->log('started');
        while (!$this->stopping || $this->children) {
            $this->keepUp();
            $this->listen();
        }
        $this->log("stopped, $this->killed children killed");
        return $this->killed ? 1 : 0;
    }

    /** Starts, stops and kills children as it is time. */
    private function keepUp(): void
    {
        $wanted = $this->stopping ? 0 : $this->options['children'];
        while (count($this->children) < $wanted && microtime(true) >= $this->notBefore) {
            $this->start();
        }
        // One after another: the next has to stop when the one in place of the last is at work.
        $atWork = array_filter($this->children, fn(array $child) => !$child['killAt'] && $child['doing'] !== 'starting');
        if ($this->toReplace && count($atWork) >= $wanted) {
            $this->stop(array_shift($this->toReplace));
        }
        foreach ($this->children as $pid => $child) {
            if ($child['killAt'] && $child['killAt'] <= microtime(true)) {
                $this->log("child $pid does not stop: killed");
                $this->killed++;
                $this->children[$pid]['killAt'] = INF;
                posix_kill($pid, SIGKILL);
            }
        }
    }

    private function start(): void
    {
        [$mine, $its] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $parent = getmypid();
        pcntl_sigprocmask(SIG_BLOCK, self::SIGNALS); // until the child has handlers of its own
        $pid = pcntl_fork();
        if ($pid === 0) {
            array_map(fclose(...), [$mine, ...$this->wake, ...array_column($this->children, 'socket')]);
            exit((new Child($this->options, $its, $parent))->run(self::SIGNALS));
        }
        pcntl_sigprocmask(SIG_UNBLOCK, self::SIGNALS);
        if ($pid < 0) {
            $this->log('cannot fork: ' . pcntl_strerror(pcntl_get_last_error()));
            $this->notBefore = microtime(true) + 1;
            return;
        }
        stream_set_blocking($mine, false);
        // killAt: it was told to stop, and has time until then. The last three are what it says itself.
        $this->children[$pid] = ['socket' => $mine, 'unread' => '', 'started' => microtime(true), 'killAt' => 0,
            'doing' => 'starting', 'jobs' => 0, 'memory' => 0];
    }

    private function stop(int $pid): void
    {
        if (isset($this->children[$pid]) && !$this->children[$pid]['killAt']) {
            $this->children[$pid]['killAt'] = microtime(true) + $this->options['stop-timeout'];
            posix_kill($pid, SIGTERM);
        }
    }

    /** Waits for signals and for what children say, at most until there is something for keepUp(). */
    private function listen(): void
    {
        $times = array_filter([$this->notBefore, ...array_column($this->children, 'killAt')], fn($t) => $t > microtime(true));
        $pause = max(0.001, min([1.0, ...array_map(fn($t) => $t - microtime(true), $times)]));
        $readable = [$this->wake[0]] + array_map(fn(array $child) => $child['socket'], $this->children);
        $none = null;
        if (!@stream_select($readable, $none, $none, 0, (int) ($pause * 1e6))) {
            return;
        }
        unset($readable[0]);
        array_map($this->read(...), array_keys($readable));
        foreach (array_unique(str_split((string) fread($this->wake[0], 4096))) as $signal) {
            match ($signal) {
                chr(SIGTERM), chr(SIGINT) => $this->stopAll(),
                chr(SIGHUP) => $this->toReplace = array_keys($this->children),
                chr(SIGUSR1) => $this->printStatus(),
                chr(SIGCHLD) => $this->reap(),
                default => null,
            };
        }
    }

    /** Takes in what a child says of itself: lines of JSON, from Child::say(). */
    private function read(int $pid): void
    {
        $child = &$this->children[$pid];
        $lines = explode("\n", $child['unread'] . fread($child['socket'], 65536));
        $child['unread'] = array_pop($lines);
        foreach ($lines as $line) {
            $child = json_decode($line, true) + $child;
        }
    }

    private function reap(): void
    {
        while (($pid = pcntl_waitpid(-1, $status, WNOHANG)) > 0) {
            $this->read($pid);
            $child = $this->children[$pid];
            unset($this->children[$pid]);
            $this->jobsOfFormer += $child['jobs'];
            $isBad = ($status !== 0 || $child['jobs'] === 0) && !$child['killAt'] && microtime(true) - $child['started'] < 5;
            $this->badEnds = $isBad ? $this->badEnds + 1 : 0;
            $pause = $isBad ? min(30, 0.1 * 2 ** min(9, $this->badEnds - 1)) : 0;
            $this->notBefore = microtime(true) + $pause;
            $how = pcntl_wifsignaled($status) ? 'signal ' . pcntl_wtermsig($status) : 'exit code ' . pcntl_wexitstatus($status);
            $this->log("child $pid ended: $how, {$child['jobs']} jobs" . ($pause ? "; the next starts in $pause s" : ''));
        }
    }

    private function stopAll(): void
    {
        $this->log('stopping');
        $this->stopping = true;
        $this->toReplace = [];
        array_map($this->stop(...), array_keys($this->children));
    }

    private function printStatus(): void
    {
        $jobs = $this->jobsOfFormer + array_sum(array_column($this->children, 'jobs'));
        printf("manager %d: %d children, %d jobs\n", getmypid(), count($this->children), $jobs);
        foreach ($this->children as $pid => $child) {
            $doing = $child['doing'] . ($child['killAt'] ? ', stopping' : '');
            $age = microtime(true) - $child['started'];
            printf("  %d: up %d s, %d jobs, %.1f MB, %s\n", $pid, $age, $child['jobs'], $child['memory'], $doing);
        }
    }

    private function log(string $text): void
    {
        fprintf(STDERR, "%s manager %d: %s\n", date('Y-m-d H:i:s'), getmypid(), $text);
    }
}
