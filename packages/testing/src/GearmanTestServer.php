<?php

declare(strict_types=1);

namespace GearmanRs\Testing;

use RuntimeException;
use WeakReference;

/**
 * A job server of gearman_rs on a free port of this host, for as long as a test needs it.
 *
 * The program is that of the environment variable GEARMAND, or `gearmand` in PATH. It ends with this object, or with the
 * process that started it; not with a fork of that.
 */
final class GearmanTestServer
{
    private const PATIENCE = 20.0;

    public readonly string $host;

    public readonly int $port;

    /** The port with TLS, where `--listen=tls://127.0.0.1:0` is among the options. */
    public readonly ?int $tlsPort;

    public readonly int $pid;

    /** @var resource|null */
    private mixed $process;

    private readonly string $log;

    private readonly int $owner;

    /** @param list<string> $options */
    private function __construct(private readonly array $options, int $port)
    {
        $this->host = '127.0.0.1';
        $this->owner = (int) getmypid();
        $this->log = (string) tempnam(sys_get_temp_dir(), 'gearmand');
        $program = self::program();
        $command = [
            $program, '--port=' . $port, '--listen=' . $this->host, '--log-file=stderr', '--verbose=NOTICE', '--pid-file=', ...$options,
        ];
        if (function_exists('posix_geteuid') && posix_geteuid() === 0) {
            // It would become another user, who may not read the test's files.
            $command[] = '--user=root';
        }
        $output = ['file', $this->log, 'a'];
        // As an array: no shell stands between, and the pid is the server's.
        $process = @proc_open($command, [['file', '/dev/null', 'r'], $output, $output], $pipes);
        if ($process === false) {
            @unlink($this->log);
            throw self::notThere($program);
        }
        $this->process = $process;
        $this->pid = proc_get_status($process)['pid'];
        [$this->port, $this->tlsPort] = $this->ports($program);
        $this->endWithProcess();
    }

    public function __destruct()
    {
        $this->leaveNothing();
    }

    /**
     * Starts a server and waits until it answers.
     *
     * @param string ...$options More options, such as '--queue-type=libsqlite3', '--libsqlite3-db=' . $file
     */
    public static function start(string ...$options): self
    {
        return new self(array_values($options), 0);
    }

    /** Another server with the same options, at the same port: after stop() or kill(), for clients that find it again. */
    public function startAgain(): self
    {
        return new self($this->options, $this->port);
    }

    /** As clients and workers are told: '127.0.0.1:40123'. */
    public function address(): string
    {
        return $this->host . ':' . $this->port;
    }

    public function isRunning(): bool
    {
        return $this->process !== null && proc_get_status($this->process)['running'];
    }

    /** Ends it as an operator does, so that a durable queue is written. */
    public function stop(): void
    {
        $this->end(15);
    }

    /** Ends it as a crash does. */
    public function kill(): void
    {
        $this->end(9);
    }

    /** What it has written. */
    public function output(): string
    {
        return (string) @file_get_contents($this->log);
    }

    /**
     * The answer to a text command such as 'status': its lines.
     *
     * @return list<string>
     */
    public function ask(string $command): array
    {
        $stream = @stream_socket_client('tcp://' . $this->address(), $code, $error, self::PATIENCE);
        if ($stream === false) {
            throw new RuntimeException("gearmand at {$this->address()} does not answer: $error\n{$this->output()}");
        }
        stream_set_timeout($stream, (int) self::PATIENCE);
        fwrite($stream, $command . "\n");
        $lines = [];
        while (($line = fgets($stream)) !== false) {
            $line = rtrim($line, "\r\n");
            if ($line === '.') {
                break;
            }
            $lines[] = $line;
            if (preg_match('/^(OK|ERR)\b/', $line) === 1) {
                break;
            }
        }
        fclose($stream);

        return $lines;
    }

    private static function program(): string
    {
        $program = getenv('GEARMAND');

        return $program === false || $program === '' ? 'gearmand' : $program;
    }

    /** @return array{int, int|null} */
    private function ports(string $program): array
    {
        $listens = '~listening on (tls://)?127\.0\.0\.1:(\d+)\s~';
        $tls = preg_grep('~tls://~', $this->options) !== [];
        $deadline = microtime(true) + self::PATIENCE;
        do {
            preg_match_all($listens, $this->output(), $found, PREG_SET_ORDER);
            $ports = array_column($found, 2, 1);
            if (isset($ports['']) && (!$tls || isset($ports['tls://']))) {
                return [(int) $ports[''], isset($ports['tls://']) ? (int) $ports['tls://'] : null];
            }
            usleep(5000);
        } while ($this->isRunning() && microtime(true) < $deadline);
        $said = $this->output();
        $this->kill();
        @unlink($this->log);
        throw $said === '' ? self::notThere($program) : new RuntimeException("$program does not start; is it gearman_rs's? It said:\n$said");
    }

    /** proc_open() succeeds before PHP 8.3 where there is no such program. */
    private static function notThere(string $program): RuntimeException
    {
        return new RuntimeException("There is no program $program: install gearman_rs's gearmand, or name it by the environment variable GEARMAND");
    }

    private function end(int $signal): void
    {
        if ($this->process === null || getmypid() !== $this->owner) {
            return;
        }
        proc_terminate($this->process, $signal);
        for ($deadline = microtime(true) + self::PATIENCE; $this->isRunning(); usleep(2000)) {
            if (microtime(true) > $deadline) {
                proc_terminate($this->process, 9);
            }
        }
        proc_close($this->process);
        $this->process = null;
    }

    /** After a fatal error there are no destructors, and PHP would wait for the server's end. */
    private function endWithProcess(): void
    {
        $server = WeakReference::create($this);
        register_shutdown_function(static fn () => $server->get()?->leaveNothing());
    }

    private function leaveNothing(): void
    {
        $this->stop();
        if (getmypid() === $this->owner) {
            @unlink($this->log);
        }
    }
}
