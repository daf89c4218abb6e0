--TEST--
Sessions are resumed by the next client or worker of a process, with TLS 1.3 and 1.2; not with another certificate
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--INI--
opcache.jit=off
--FILE--
<?php
// Without the JIT: that of PHP 8.2 crashes now and then, while it compiles what a fork of this program runs.
require __DIR__ . '/tls.inc';

/** The openssl command as a server: says of each connection whether its session is an old one. It is asked by ping(), and told the answer. */
final class OpensslServer
{
    public readonly int $port;
    private string $log;
    private mixed $process;
    private mixed $input;
    private int $owner;

    public function __construct(Certificate $certificate, string $ca, string ...$options)
    {
        $this->owner = getmypid();
        $this->log = tls_folder() . '/' . unique_function_name('log');
        $this->port = free_port();
        $command = ['openssl', 's_server', '-accept', HOST . ":$this->port", '-cert', $certificate->file, '-key', $certificate->key];
        $command = [...$command, '-verify', '2', '-CAfile', $ca, ...$options];
        $this->process = proc_open($command, [['pipe', 'r'], ['file', $this->log, 'w'], ['file', $this->log, 'a']], $pipes);
        $this->input = $pipes[0];
        wait_until(fn () => str_contains($this->said(), 'ACCEPT'), 10, fn () => "openssl s_server, which says {$this->said()}");
    }

    private function said(): string
    {
        return file_get_contents($this->log);
    }

    /** Has one connect and be sent an answer, which comes behind the session's tickets; was the session an old one? */
    public function resumed(callable $make): bool
    {
        $before = strlen($this->said());
        $object = $make($this->port);
        $object->setTimeout(10_000);
        $answering = spawn(function () use ($before) {
            wait_until(fn () => str_contains(substr($this->said(), $before), "\0REQ"), 10, 'a request');
            fwrite($this->input, FakePeer::packet(GEARMAN_COMMAND_ECHO_RES, 'x'));
        }, clean: false);
        $object->ping('x') || print('not answered: ' . $object->error() . "\n");
        stop_child($answering, SIGKILL);
        return str_contains(substr($this->said(), $before), 'Reused session-id');
    }

    public function __destruct()
    {
        $this->owner === getmypid() && proc_terminate($this->process, SIGKILL);
    }
}

$ca = new Authority();
[$one, $two] = [$ca->issue('one'), $ca->issue('two')];
$using = fn (string $class, Certificate $own) => function (int $port) use ($class, $own, $ca) {
    $object = new $class();
    $object->setSSL(true, $ca->file, $own->file, $own->key);
    $object->addServer(HOST, $port, false);
    return $object;
};
foreach (['1.3' => [], '1.2' => ['-tls1_2']] as $version => $options) {
    $server = new OpensslServer($ca->issue(), $ca->file, ...$options);
    show("TLS $version", $server->resumed($using(GearmanClient::class, $one)));
    show('the next client', $server->resumed($using(GearmanClient::class, $one)));
    show('a worker', $server->resumed($using(GearmanWorker::class, $one)));
    show('another certificate', $server->resumed($using(GearmanClient::class, $two)));
    show('and again', $server->resumed($using(GearmanClient::class, $two)), $server->resumed($using(GearmanClient::class, $one)));
    copy($two->file, $one->file);
    copy($two->key, $one->key);
    show('a new one in the file', $server->resumed($using(GearmanClient::class, $one)));
    show('by a child', wait_child(spawn(fn () => (int) $server->resumed($using(GearmanClient::class, $one)))));
    show('and its parent', $server->resumed($using(GearmanClient::class, $one)));
}
--EXPECT--
TLS 1.3: false
the next client: true
a worker: true
another certificate: false
and again: true, true
a new one in the file: false
by a child: 1
and its parent: true
TLS 1.2: false
the next client: true
a worker: true
another certificate: false
and again: true, true
a new one in the file: false
by a child: 1
and its parent: true
