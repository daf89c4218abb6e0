<?php

/**
 * s_client.php PORT CERTIFICATES STRANGERS FOLDER VERSION: `openssl s_client` with a job server of this version, whose worker is
 * worker.php; prints lines of checks. Nobody knows the CA of the strangers' certificates.
 */
require __DIR__ . '/packet.inc';

[, $port, $certificates, $strangers, $folder, $version] = $argv;

/** One `openssl s_client`, which ends with this object. */
final class Connection
{
    private const LONG = 60; // seconds, on a busy machine
    private const KILL = 9;
    private $process;
    private array $pipes = [];
    private string $sending = '';
    private int $sent = 0;
    private string $received = '';

    /** What it says of errors can be read from it where $errors. */
    public function __construct(array $options, bool $errors = false)
    {
        global $port, $certificates;
        $command = ['openssl', 's_client', '-quiet', '-connect', "127.0.0.1:$port", '-CAfile', "$certificates/ca.pem",
            '-verify_return_error', '-verify_ip', '127.0.0.1', ...$options];
        $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], $errors ? ['redirect', 1] : STDERR], $this->pipes);
        array_map(fn ($pipe) => stream_set_blocking($pipe, false), $this->pipes);
    }

    public function __destruct()
    {
        proc_terminate($this->process, self::KILL);
    }

    public function send(string $bytes): void
    {
        $this->sending = substr($this->sending, $this->sent) . $bytes;
        $this->sent = 0;
    }

    /** Sends, and reads meanwhile, until what came satisfies this; returns all that came, also where it ended before that. */
    public function exchange(callable $enough): string
    {
        $deadline = time() + self::LONG;
        while (!$enough($this->received) && !feof($this->pipes[1]) && time() < $deadline) {
            $reads = [$this->pipes[1]];
            $writes = $this->sent < strlen($this->sending) ? [$this->pipes[0]] : [];
            $none = [];
            stream_select($reads, $writes, $none, 1);
            if ($writes) {
                // Whose certificate is refused takes nothing.
                $written = @fwrite($this->pipes[0], substr($this->sending, $this->sent, 1 << 16));
                $this->sent = $written === false ? strlen($this->sending) : $this->sent + $written;
            }
            $this->received .= fread($this->pipes[1], 1 << 16);
        }
        return $this->received;
    }

    /** So many bytes of what comes. */
    public function take(int $length): string
    {
        $this->exchange(fn (string $received) => strlen($received) >= $length);
        $taken = substr($this->received, 0, $length);
        $this->received = substr($this->received, $length);
        return $taken;
    }

    /** The command and the arguments of the next packet; a handle as HANDLE. */
    public function receive(): array
    {
        [$command, $length] = parse_header($this->take(12));
        return [$command, ...explode("\0", preg_replace('/^H:[^\0]*:\d+/', 'HANDLE', $this->take($length)))];
    }
}

function check(string $name, mixed $wanted, mixed $got): void
{
    echo $got === $wanted ? "ok   $name\n" : "FAIL $name: wanted " . json_encode($wanted) . ', got ' . json_encode($got) . "\n";
}

$own = ['-cert', "$certificates/client.pem", '-key', "$certificates/client.key"];
$connection = new Connection($own);

$connection->send(packet(ECHO_REQ, 'an echo'));
check('ECHO_REQ', [ECHO_RES, 'an echo'], $connection->receive());
$connection->send(packet(OPTION_REQ, 'exceptions'));
check('OPTION_REQ', [OPTION_RES, 'exceptions'], $connection->receive());
$connection->send(packet(SUBMIT_JOB, 'echo', '', 'hello'));
check('SUBMIT_JOB', [JOB_CREATED, 'HANDLE'], $connection->receive());
check('its result', [WORK_COMPLETE, 'HANDLE', 'hello'], $connection->receive());
$connection->send(packet(SUBMIT_JOB, 'raise', '', 'on purpose'));
check('another', [JOB_CREATED, 'HANDLE'], $connection->receive());
check('its exception', [WORK_EXCEPTION, 'HANDLE', 'on purpose'], $connection->receive());
$connection->send(packet(SUBMIT_JOB_BG, 'note', '', "$folder/noted by hand"));
check('SUBMIT_JOB_BG', [JOB_CREATED, 'HANDLE'], $connection->receive());
for ($deadline = time() + 20; !file_exists("$folder/noted") && time() < $deadline; clearstatcache()) {
    usleep(10000);
}
check('which is done', true, file_exists("$folder/noted"));
$large = random_bytes(64 << 20);
$connection->send(packet(ECHO_REQ, $large));
[, $length] = parse_header($connection->take(12));
check('64 MB each way', true, $connection->take($length) === $large);
$connection->send("version\n");
check('version', "OK $version\n", $connection->take(strlen("OK $version\n")));
$connection->send("status\n");
check('status', 1, preg_match('/^echo\t0\t0\t1$/m', $connection->exchange(fn ($lines) => preg_match('/^\.$/m', $lines))));

/** What s_client with these options is answered when it asks for the version, or told by TLS. */
$answer = function (string ...$options): ?string {
    $pattern = '/^OK [0-9.]+|alert [a-z ]+:/m';
    $connection = new Connection($options, errors: true);
    $connection->send("version\n");
    preg_match($pattern, $connection->exchange(fn ($received) => preg_match($pattern, $received)), $found);
    return $found[0] ?? null;
};
$old = ['-cipher', 'DEFAULT@SECLEVEL=0'];
check('TLS 1.2', "OK $version", $answer(...$own, ...$old, ...['-tls1_2']));
foreach (['-tls1_1', '-tls1'] as $option) {
    $said = $answer(...$own, ...$old, ...[$option]);
    check("$option is refused", true, in_array($said, ['alert protocol version:', 'alert handshake failure:'], true));
}
check('no certificate is refused', 'alert certificate required:', $answer());
// Its CA has the name of ours, and another key.
check('one of another CA as well', 'alert decrypt error:', $answer('-cert', "$strangers/client.pem", '-key', "$strangers/client.key"));
