<?php

/**
 * run.php PAGE: pastes what a page shows, in its order, into the present folder, and compares what is printed with what the page says.
 *
 * php is our module's and our programs are first in PATH, DOCS_LOGS is a folder for what they print: interop/docs.sh sees to that. Prints a
 * line for each check, as interop/lib.sh wants them.
 */

require __DIR__ . '/block.php';
require __DIR__ . '/compare.php';

const PATIENCE = 60; // seconds for whatever a page waits for

/** A process of a page, with what it prints in files: who is left behind in the background cannot keep us waiting. */
final class Run
{
    private static int $count = 0;
    private $process;
    private string $files;
    private ?int $status = null;
    private int $pid;

    public function __construct(array $command)
    {
        $this->files = getenv('DOCS_LOGS') . '/' . self::$count++;
        $this->process = proc_open(['setsid', ...$command], [['file', '/dev/null', 'r'], ['file', $this->out(), 'w'], ['file', $this->err(), 'w']], $_);
        $this->status();
    }

    /** Null as long as it runs. PHP tells the exit code once. */
    public function status(): ?int
    {
        $now = proc_get_status($this->process);
        $this->pid = $now['pid'];
        return $this->status ??= $now['running'] ? null : $now['exitcode'];
    }

    public function printed(): string
    {
        return rtrim(str_replace("\r", '', file_get_contents($this->out())), "\n");
    }

    public function complaints(): string
    {
        return trim(file_get_contents($this->err()));
    }

    /** With all that it left in the background. */
    public function end(): void
    {
        exec("kill -s TERM -- -$this->pid 2>/dev/null");
    }

    private function out(): string
    {
        return "$this->files.out";
    }

    private function err(): string
    {
        return "$this->files.err";
    }
}

/** Until it is so; false if it takes too long. */
function await(callable $condition): bool
{
    $deadline = microtime(true) + PATIENCE;
    while (!$condition()) {
        if (microtime(true) > $deadline) {
            return false;
        }
        usleep(10_000);
    }
    return true;
}

function listens(int $port): bool
{
    return ($socket = @stream_socket_client("tcp://127.0.0.1:$port")) !== false && fclose($socket);
}

/** Connections of the server that can run a function. */
function workers(): int
{
    if (($server = @stream_socket_client('tcp://127.0.0.1:4730')) === false) {
        return 0;
    }
    fwrite($server, "workers\n");
    for ($count = 0; ($line = fgets($server)) !== false && $line !== ".\n"; $count += preg_match('/ : \S/', $line));
    return $count;
}

/** Starts what goes on; returns why it does not. */
function begin(Block $block, array &$runs): ?string
{
    $before = workers();
    $runs[] = $run = new Run($block->command());
    preg_match_all('/(?:-p |--port |--http-listen \S+:)(\d+)/', $block->code, $ports);
    $isServer = str_starts_with($block->code, 'gearmand ');
    $ready = fn() => $isServer ? array_product(array_map(fn($port) => listens((int) $port), $ports[1] ?: [4730])) : workers() > $before;
    await(fn() => $run->status() !== null || $ready());
    return $run->status() === null && $ready() ? null : "it does not begin: {$run->printed()} {$run->complaints()}";
}

/** Runs what ends; returns what is not as the page says. */
function complete(Block $block, array &$runs): ?string
{
    $runs[] = $run = new Run($block->command());
    if (!await(fn() => $run->status() !== null)) {
        return "it does not end: {$run->printed()} {$run->complaints()}";
    }
    $difference = $block->output ? compare($block->output->language, rtrim($block->output->code), $run->printed()) : null;
    return match (true) {
        $difference !== null => $difference . " {$run->complaints()}",
        $run->status() !== 0 => "it ends with {$run->status()}: {$run->printed()} {$run->complaints()}",
        // Curl and the tools may talk; a program of a page that PHP complains about is wrong.
        $block->language === 'php' && $run->complaints() !== '' => $run->complaints(),
        default => null,
    };
}

function run(string $page): void
{
    $database = getenv('DOCS_DATABASE');
    $runs = [];
    // Other pages have it, too, as the reader has saved it.
    foreach (blocks(dirname(__DIR__, 2) . '/docs/client.md') as $block) {
        if ($block->name() === 'worker.php') {
            file_put_contents('worker.php', $block->code);
        }
    }
    foreach (blocks($page) as $block) {
        if (!$block->runs()) {
            continue;
        }
        $sharesQueue = str_contains($block->code, '--cluster-url') || str_contains($block->code, ':4791');
        if ($sharesQueue && !$database) {
            echo "skip $block->place: there is no PostgreSQL\n";
            continue;
        }
        check($block->place, $block->goesOn() ? begin($block, $runs) : complete($block, $runs));
    }
    foreach ($runs as $run) {
        $run->end();
    }
}

run($argv[1]);
