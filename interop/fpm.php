<?php

/**
 * fpm.php SOCKET PORT PERSISTENT REQUESTS: asks an FPM of four children for page.php, many times and several at once,
 * and kills children and the job server meanwhile, which others start again. At SOCKET.one is an FPM of one child for
 * pages that end badly. Prints a line for each thing that it shows.
 */

[, $socket, $port, $persistent, $requests] = $argv;
$persistent = $persistent === '1';
const CHILDREN = 4;
const AT_ONCE = 8;
/** What requests may fail with while the job server is down. 14: LOST_CONNECTION, 26: COULD_NOT_CONNECT. */
const IN_THE_GAP = '/^(Failed to set exception option|(doNormal|doBackground|runTasks)\(\) (14|26))$/';

function check(string $name, mixed $wanted, mixed $got): void
{
    echo $wanted === $got ? "ok   $name\n" : "FAIL $name: wanted " . json_encode($wanted) . ', got ' . json_encode($got) . "\n";
}

/** One request for the page, by the FastCGI protocol (version 1, one request a connection). */
final class Request
{
    public readonly mixed $stream;
    public string $answer = '';

    public function __construct(string $socket, array $query)
    {
        $this->stream = @stream_socket_client("unix://$socket", $errno, $error, 5)
            ?: throw new RuntimeException("$socket: $error");
        $parameters = [
            'SCRIPT_FILENAME' => __DIR__ . '/page.php',
            'REQUEST_METHOD' => 'GET',
            'QUERY_STRING' => http_build_query($query),
        ];
        $pairs = '';
        foreach ($parameters as $name => $value) {
            $pairs .= pack('NN', strlen($name) | 1 << 31, strlen($value) | 1 << 31) . $name . $value;
        }
        // BEGIN_REQUEST as RESPONDER, PARAMS and their end, an empty STDIN.
        fwrite($this->stream, self::record(1, pack('nx6', 1)) . self::record(4, $pairs) . self::record(4, '') . self::record(5, ''));
    }

    private static function record(int $type, string $content): string
    {
        return pack('CCnnCx', 1, $type, 1, strlen($content), 0) . $content;
    }

    /** Reads on; false: all is there. */
    public function read(): bool
    {
        $piece = fread($this->stream, 1 << 16);
        $this->answer .= $piece;
        return $piece !== '' && $piece !== false;
    }

    /** What the page has printed, decoded if it is what it prints at its end; null when FPM closed without an end. */
    public function page(): array|string|null
    {
        [$output, $ended] = ['', false];
        for ($rest = $this->answer; strlen($rest) >= 8; $rest = substr($rest, 8 + $length + $padding)) {
            ['type' => $type, 'length' => $length, 'padding' => $padding] = unpack('Cversion/Ctype/nid/nlength/Cpadding', $rest);
            $output .= $type === 6 ? substr($rest, 8, $length) : ''; // STDOUT
            $ended = $ended || $type === 3; // END_REQUEST
        }
        $body = explode("\r\n\r\n", $output, 2)[1] ?? '';
        return $ended ? json_decode($body, true) ?? $body : null;
    }
}

/** One page, alone. */
function page(string $socket, array $query = []): array|string|null
{
    global $port;
    $request = new Request($socket, ['port' => $port] + $query);
    while ($request->read());
    return $request->page();
}

/** Pages, several at once, until so many were good; $between is called after each with how many were, and the page. */
function pages(int $wanted, ?callable $between = null): array
{
    global $socket, $port;
    [$pages, $running, $good] = [[], [], 0];
    do {
        $more = $good < $wanted && count($pages) < 100 * $wanted;
        while ($more && count($running) < AT_ONCE) {
            $running[] = new Request($socket, ['port' => $port]);
        }
        $ready = array_map(fn (Request $request) => $request->stream, $running);
        $none = [];
        stream_select($ready, $none, $none, 30) ?: throw new RuntimeException('FPM does not answer');
        foreach (array_keys($ready) as $i) {
            if (!$running[$i]->read()) {
                $pages[] = $page = $running[$i]->page();
                unset($running[$i]);
                $good += ($page['got'] ?? '') === 'good' ? 1 : 0;
                $between && $between($good, $page);
            }
        }
    } while ($running);
    return $pages;
}

/** How often each outcome came, but the good ones. */
function failures(array $pages): array
{
    $got = array_map(fn ($page) => is_array($page) ? $page['got'] : ($page === null ? 'no end' : "printed $page"), $pages);
    $counts = array_count_values($got);
    unset($counts['good']);
    return $counts;
}

/** The answer to one of the server's text commands, by lines; none where there is no server. */
function ask(string $command): array
{
    global $port;
    $stream = @stream_socket_client("tcp://127.0.0.1:$port");
    if (!$stream) {
        return [];
    }
    fwrite($stream, "$command\n");
    $lines = [];
    while (($line = fgets($stream)) !== false && $line !== ".\n") {
        $lines[] = $line;
        if ($command === 'getpid') {
            break;
        }
    }
    return $lines;
}

function kill(int $signal, int $process): bool
{
    exec("kill -$signal $process 2>/dev/null", $output, $status);
    return $status === 0;
}

/** The server's connections, without the worker's and the one that asks. */
function connections(): int
{
    return count(array_filter(ask('workers'), fn ($line) => !str_contains($line, 'reverse'))) - 1;
}

/** Waits until the condition holds. */
function await(callable $condition): bool
{
    for ($deadline = microtime(true) + 10; !$condition();) {
        if (microtime(true) > $deadline) {
            return false;
        }
        usleep(2000);
    }
    return true;
}

/** One connection a child at most; without the setting none, once nobody is being served. */
function settled(): bool
{
    global $persistent;
    return await(fn () => connections() <= ($persistent ? CHILDREN : 0));
}

function load(int $requests, bool $persistent): void
{
    $most = 0;
    $pages = pages($requests, function (int $n) use (&$most) {
        $most = $n % 50 === 0 ? max($most, connections()) : $most;
    });
    check("$requests pages without an error", [], failures($pages));
    check('children were replaced meanwhile', true, count(array_unique(array_column($pages, 'process'))) > 2 * CHILDREN);
    $made = [];
    foreach ($pages as ['process' => $process, 'kept' => [, , $n]]) {
        $made[$process] = max($n, $made[$process] ?? 0);
    }
    check($persistent ? 'each child made one connection' : 'nothing was kept', $persistent ? 1 : 0, max($made));
    // A child's successor may be seen before its own connection's end is.
    check("under load the server had at most two connections a child", true, $most <= 2 * CHILDREN);
    check('and afterwards not more than children', true, settled());
}

function kills(int $requests): void
{
    $killed = 0;
    $pages = pages($requests, function (int $n, $page) use (&$killed) {
        if ($n % 60 === 0 && is_array($page)) {
            $killed += (int) kill(9, $page['process']);
        }
    });
    $failures = failures($pages);
    $lost = $failures['no end'] ?? 0;
    unset($failures['no end']);
    check('children were killed', true, $killed > 0);
    check("$killed children killed cost no page but their own", [true, []], [$lost <= $killed, $failures]);
    check('their connections are gone', true, settled());
}

function restart(int $requests): void
{
    $signals = [intdiv($requests, 3) => 15, intdiv(2 * $requests, 3) => 9];
    $pages = pages($requests, function (int $good) use (&$signals) {
        if (isset($signals[$good])) {
            kill($signals[$good], (int) substr(ask('getpid')[0], 3));
            unset($signals[$good]);
        }
    });
    $failures = failures($pages);
    $unexpected = array_filter($failures, fn ($text) => !preg_match(IN_THE_GAP, $text), ARRAY_FILTER_USE_KEY);
    check('the job server was restarted twice under load', [[], true], [$signals, $failures !== []]);
    check('no failures but those due while it is away', [], $unexpected);
    check('then all is good again', [], failures(pages(100)));
    check('and not more connections than children', true, settled());
    echo '     failures while it was away: ', json_encode($failures), "\n";
}

/** Every end at every place; the child lives on, and is as good as before. */
function bad_ends(string $socket): void
{
    $first = page($socket);
    check('a child of its own', 'good', $first['got'] ?? $first);
    foreach (['Created', 'Complete', 'destructor', 'job'] as $at) {
        foreach (['memory', 'time', 'throw', 'exit', 'error'] as $end) {
            if ($end === 'time' && in_array($at, ['Created', 'destructor'], true)) {
                continue; // it takes a second
            }
            $function = "job-$end-" . getmypid();
            $at === 'job' && queue($function);
            $bad = page($socket, ['end' => $end, 'at' => $at, 'function' => $function]);
            check("$end ($at) ends the page", $end === 'exit' ? 'exited' : '', is_string($bad) ? substr($bad, 0, 6) : $bad);
            $next = page($socket);
            check('the next in that child is good', [$first['process'], 'good'], [$next['process'] ?? null, $next['got'] ?? $next]);
            // An exception is an end of the job; after any other the next worker runs it.
            $at === 'job' && $end !== 'throw' && given_back($socket, $function);
        }
    }
    $before = page($socket)['descriptors'];
    for ($i = 0; $i < 100; $i++) {
        page($socket, ['end' => ['memory', 'throw', 'exit', 'error'][$i % 4], 'at' => ['Created', 'Complete', 'destructor'][$i % 3]]);
    }
    $after = page($socket);
    check('descriptors are as many after 100 of them', [$first['process'], $before], [$after['process'], $after['descriptors']]);
}

/** FPM ends a child whose request takes too long, by SIGTERM: while PHP code runs, and while the module waits. */
function terminated(string $socket): void
{
    $first = page($socket);
    check('a child whose requests may take a second', 'good', $first['got'] ?? $first);
    $function = 'job-terminated-' . getmypid();
    foreach (['job', 'Complete', 'call'] as $at) {
        $at === 'job' && queue($function);
        check("a page that takes longer ($at) has no end", null, page($socket, ['end' => 'wait', 'at' => $at, 'function' => $function]));
        $next = page($socket);
        check('and the next child is good', 'good', $next['got'] ?? $next);
        check('which is another', true, $next['process'] !== $first['process']);
        $first = $next;
    }
    given_back($socket, $function);
}

/** Queues a background job. */
function queue(string $function): void
{
    global $port;
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', (int) $port);
    $client->doBackground($function, 'x') ?: throw new RuntimeException($client->error());
}

/** The server has the job again, and a worker in the same FPM does it. */
function given_back(string $socket, string $function): void
{
    $status = fn () => array_values(preg_grep("/^$function\t/", ask('status')))[0] ?? '';
    check("$function is queued again", true, await(fn () => str_starts_with($status(), "$function\t1\t0\t")));
    $page = page($socket, ['at' => 'job', 'function' => $function]);
    check('and done by the next worker', ['good', true], [$page['got'] ?? $page, await(fn () => !str_starts_with($status(), "$function\t1"))]);
}

load((int) $requests, $persistent);
kills(intdiv((int) $requests, 2));
restart((int) $requests);
bad_ends("$socket.one");
terminated("$socket.short");
