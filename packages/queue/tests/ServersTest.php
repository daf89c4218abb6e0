<?php

declare(strict_types=1);

namespace GearmanRs\Queue\Tests;

use GearmanRs\Queue\Module;
use GearmanRs\Queue\Options;
use GearmanRs\Queue\Queue;
use GearmanRs\Queue\QueueException;
use GearmanRs\Queue\Servers;
use GearmanRs\Testing\GearmanTestServer;
use GearmanRs\Testing\TestCertificate;
use PHPUnit\Framework\TestCase;

/** Servers that go, come, are several, or speak TLS. */
final class ServersTest extends TestCase
{
    public function testAServerThatIsNotThere(): void
    {
        $server = GearmanTestServer::start();
        $queue = new Queue(new Options([$server->address()]));
        $queue->put('q', 'lost with the server');
        self::assertNull($queue->take('other', 0));
        $server->kill();
        foreach ([fn () => $queue->put('q', 'x'), fn () => $queue->take('q', 0), fn () => $queue->size('q')] as $call) {
            try {
                $call();
                self::fail('it is down');
            } catch (QueueException $e) {
                self::assertStringContainsString($server->address(), $e->getMessage());
            }
        }
        $server = $server->startAgain();
        $queue->put('q', 'here');
        $queue->take('q', 10)?->complete();
        self::assertNull($queue->take('q', 0));
    }

    public function testAServerThatWasRestarted(): void
    {
        $server = GearmanTestServer::start();
        $queue = new Queue(new Options([$server->address()]));
        $queue->put('q', 'first');
        $queue->take('q', 10)?->complete();
        $server->stop();
        $server = $server->startAgain();
        self::assertNull($queue->take('q', 0));
        (new Queue(new Options([$server->address()])))->put('q', 'second');
        self::assertSame('second', $queue->take('q', 10)?->body);
    }

    public function testAJobWhoseServerIsGoneIsNotOurs(): void
    {
        $server = GearmanTestServer::start();
        $queue = new Queue(new Options([$server->address()]));
        $queue->put('q', 'body');
        $job = $queue->take('q', 10);
        self::assertNotNull($job);
        $server->kill();
        try {
            // The first write may still go into the socket's buffer.
            for ($deadline = microtime(true) + 10; microtime(true) < $deadline; usleep(5000)) {
                $job->keepAlive();
            }
            self::fail('its server is gone');
        } catch (QueueException $e) {
            self::assertStringContainsString('not ours any more', $e->getMessage());
        }
        $this->expectException(QueueException::class);
        $job->complete();
    }

    public function testSeveralServers(): void
    {
        $servers = [GearmanTestServer::start(), GearmanTestServer::start()];
        $addresses = array_map(static fn (GearmanTestServer $server) => $server->address(), $servers);
        foreach ($addresses as $address) {
            (new Queue(new Options([$address])))->put('q', $address);
        }
        $queue = new Queue(new Options($addresses));
        self::assertSame(2, $queue->size('q'));
        $bodies = [];
        while ($job = $queue->take('q', 0.5)) {
            $bodies[] = $job->body;
            $job->complete();
        }
        sort($bodies);
        sort($addresses);
        self::assertSame($addresses, $bodies);
    }

    /** Jobs went to a server of the environment, where nobody looked for them. */
    public function testServersOfTheEnvironmentAreOthers(): void
    {
        [$ours, $other] = [GearmanTestServer::start(), GearmanTestServer::start()];
        foreach ([$other->address(), 'no..name'] as $servers) {
            putenv("GEARMAN_SERVERS=$servers");
            try {
                $queue = new Queue(new Options([$ours->address()]));
                $queue->put('q', $servers);
                self::assertSame(1, $queue->size('q'));
                $queue->take('q', 10)->complete();
                self::assertSame($servers, getenv('GEARMAN_SERVERS'));
            } finally {
                putenv('GEARMAN_SERVERS');
            }
        }
    }

    public function testOneOfSeveralServersIsDown(): void
    {
        [$up, $down] = [GearmanTestServer::start(), GearmanTestServer::start()];
        $down->kill();
        $queue = new Queue(new Options([$down->address(), $up->address()]));
        $queue->put('q', 'body');
        $job = $queue->take('q', 10);
        self::assertSame('body', $job?->body);
        $job->complete();
        self::assertNull($queue->take('q', 0));
    }

    /** It was a warning of PHP, which frameworks make an exception of, and an error that told to call addServer(). */
    public function testAServerWhoseNameIsNotKnown(): void
    {
        $unknown = new Queue(new Options(['no..name']));
        foreach ([fn () => $unknown->put('q', 'x'), fn () => $unknown->take('q', 0), fn () => $unknown->size('q')] as $call) {
            try {
                $call();
                self::fail('there is no such name');
            } catch (QueueException $e) {
                self::assertStringContainsString('No job server of Gearman answers at no..name', $e->getMessage());
                self::assertMatchesRegularExpression('/not known|resolve/', $e->getMessage());
            }
        }
        $server = GearmanTestServer::start();
        $queue = new Queue(new Options(['no..name', $server->address()]));
        $queue->put('q', 'body');
        self::assertSame('body', $queue->take('q', 10)?->body);
    }

    public function testOneOfSeveralServersDoesNotAnswer(): void
    {
        $servers = [GearmanTestServer::start(), GearmanTestServer::start()];
        $addresses = array_map(static fn (GearmanTestServer $server) => $server->address(), $servers);
        foreach ($servers as $silent => $server) {
            $queue = new Queue(new Options($addresses, timeout: 1));
            self::assertNull($queue->take("q$silent", 0));
            (new Queue(new Options([$addresses[1 - $silent]])))->put("q$silent", 'body');
            posix_kill($server->pid, SIGSTOP);
            try {
                $job = $queue->take("q$silent", 0);
                self::assertSame('body', $job?->body);
                $job->complete();
                self::assertNull($queue->take("q$silent", 0));
                try {
                    $queue->put("q$silent", 'another');
                } catch (QueueException $e) {
                    self::assertStringContainsString('may have been queued', $e->getMessage());
                }
                $queue->put("q$silent", 'another');
            } finally {
                posix_kill($server->pid, SIGCONT);
            }
        }
    }

    /**
     * It still has the question for a job before it. Who had asked was kept, also when it had done another server's job meanwhile: a
     * job that came in the end lay there until that queue was used again.
     */
    public function testAJobOfAServerThatAnswersLateLiesWithNobody(): void
    {
        foreach ([null, 'now'] as $body) {
            [$late, $other] = [GearmanTestServer::start(), GearmanTestServer::start()];
            $atLate = new Queue(new Options([$late->address()]));
            $atLate->put('q', 'late');
            if ($body !== null) {
                (new Queue(new Options([$other->address()])))->put('q', $body);
            }
            $queue = new Queue(new Options([$late->address(), $other->address()], timeout: 3));
            posix_kill($late->pid, SIGSTOP);
            try {
                $job = $queue->take('q', 0);
            } finally {
                posix_kill($late->pid, SIGCONT);
            }
            self::assertSame($body, $job?->body);
            $job?->complete();
            $job = $atLate->take('q', 20);
            self::assertSame('late', $job?->body);
            $job->complete();
        }
    }

    /** After one had been passed over, only the others were used for as long as one of them was there. */
    public function testOneThatWasPassedOverIsUsedAgain(): void
    {
        [$queue, $first, $other] = $this->withTheFirstPassedOver();
        $atFirst = new Queue(new Options([$first->address()]));
        for ($deadline = microtime(true) + 60; $atFirst->size('q') === 0 && microtime(true) < $deadline; usleep(50_000)) {
            $queue->put('q', 'body');
        }
        self::assertGreaterThan(0, $atFirst->size('q'));
        self::assertGreaterThan(0, (new Queue(new Options([$other->address()])))->size('q'));
    }

    /** And when none was, it was not asked, though it was well. */
    public function testOneThatWasPassedOverIsTheOnlyOneLeft(): void
    {
        [$queue, $first, $other] = $this->withTheFirstPassedOver();
        $other->kill();
        $queue->put('q', 'body');
        self::assertSame(1, (new Queue(new Options([$first->address()])))->size('q'));
    }

    /**
     * For as long as one hung it was waited for again and again, as long as one that is in use: a busy process did nothing else for a third
     * of its time. And who had all that are used was made anew in between.
     */
    public function testOneThatWasPassedOverIsNotWaitedForWhenItIsAskedAgain(): void
    {
        $server = GearmanTestServer::start();
        $listener = stream_socket_server('tcp://127.0.0.1:0');
        [$told, $tell] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $late = pcntl_fork();
        if ($late === 0) {
            try {
                self::answerLate($listener, $tell);
            } finally {
                posix_kill(posix_getpid(), SIGKILL);
            }
        }
        try {
            $servers = new Servers(new Options([(string) stream_socket_get_name($listener, false), $server->address()], timeout: 60));
            self::assertTrue($servers->passOver());
            self::assertSame(Module::isPecl(), $servers->mayLack(1, Servers::PAUSE + 1));
            stream_set_blocking($told, false);
            for ($asked = false, $deadline = microtime(true) + 60; $asked === false && microtime(true) < $deadline; usleep(50_000)) {
                self::assertSame([$server->address()], $servers->options()->servers);
                $asked = fgets($told);
            }
            self::assertSame("asked again\n", $asked);
        } finally {
            posix_kill($late, SIGKILL);
            pcntl_waitpid($late, $status);
        }
    }

    /**
     * Not to the first who asks; to the next one after half a minute, unless he goes before.
     *
     * @param resource $listener
     * @param resource $tell
     */
    private static function answerLate(mixed $listener, mixed $tell): void
    {
        fclose(stream_socket_accept($listener, 60));
        $connection = stream_socket_accept($listener, 60);
        fgets($connection);
        fwrite($tell, "asked again\n");
        [$read, $write, $except] = [[$connection], null, null];
        stream_select($read, $write, $except, 30);
        fwrite($connection, ".\n");
    }

    /** @return array{Queue, GearmanTestServer, GearmanTestServer} The queue has put nothing into q; both servers are well. */
    private function withTheFirstPassedOver(): array
    {
        if (Module::isPecl()) {
            self::markTestSkipped("pecl's client has an order of servers of its own");
        }
        [$first, $other] = [GearmanTestServer::start(), GearmanTestServer::start()];
        $queue = new Queue(new Options([$first->address(), $other->address()], timeout: 2));
        posix_kill($first->pid, SIGSTOP);
        try {
            $queue->put('perhaps', 'body');
            self::fail('it has not answered');
        } catch (QueueException $e) {
            self::assertStringContainsString('may have been queued', $e->getMessage());
        } finally {
            posix_kill($first->pid, SIGCONT);
        }

        return [$queue, $first, $other];
    }

    public function testFailedJobsAreTriedAgainIfThePolicySaysSo(): void
    {
        $policies = tempnam(sys_get_temp_dir(), 'policies');
        file_put_contents($policies, "[function.\"q\"]\nretries = 1\nbackoff = \"10ms\"\n");
        $server = GearmanTestServer::start("--policy-file=$policies");
        unlink($policies);
        $queue = new Queue(new Options([$server->address()]));
        $queue->put('q', 'body');
        $queue->take('q', 10)?->fail();
        $job = $queue->take('q', 10);
        self::assertSame('body', $job?->body);
        self::assertSame(Module::isPecl() ? 0 : 2, $job->attempt);
        $job->complete();
    }

    public function testATakenJobThatTakesTooLongGoesToAnother(): void
    {
        $server = GearmanTestServer::start();
        $slow = new Queue(new Options([$server->address()], jobTimeout: 1));
        $slow->put('q', 'body');
        $job = $slow->take('q', 10);
        $again = (new Queue(new Options([$server->address()])))->take('q', 20);
        self::assertSame([$job?->body, $job?->handle], [$again?->body, $again?->handle]);
        $again?->complete();
    }

    /** pecl's module sends the number as it is, and servers take it for milliseconds: a job ran twice. */
    public function testATakenJobHasItsSeconds(): void
    {
        $server = GearmanTestServer::start();
        $queue = new Queue(new Options([$server->address()], jobTimeout: 1000));
        $queue->put('q', 'body');
        $job = $queue->take('q', 10);
        self::assertSame('body', $job?->body);
        self::assertNull((new Queue(new Options([$server->address()])))->take('q', 3));
        $job->complete();
    }

    /**
     * Jobs had what php.ini and the environment say of TLS, and questions had not: sizes failed, and no server seemed to answer.
     */
    public function testTlsOfPhpIniAndTheEnvironment(): void
    {
        if (Module::isPecl()) {
            self::markTestSkipped("pecl's module has no such settings");
        }
        $folder = sys_get_temp_dir() . '/gearman-queue-' . bin2hex(random_bytes(6));
        mkdir($folder);
        try {
            $certificate = TestCertificate::make($folder);
            $server = GearmanTestServer::start('--listen=tls://127.0.0.1:0', "--ssl-certificate=$certificate->file", "--ssl-key=$certificate->key");
            [$tls, $unsaid] = ["gearmans://127.0.0.1:$server->tlsPort", "gearman://127.0.0.1:$server->tlsPort"];
            $ca = "gearman.ssl_ca_file=$certificate->file";
            $environment = ['GEARMAND_CA_CERTIFICATE' => $certificate->file];
            $both = '/^H:\S+\n\d+\n$/D';
            foreach (
                [
                    'a CA of php.ini' => [[$ca], [], [$tls, 'put', 'size'], $both],
                    'a CA of the environment' => [[], $environment, [$tls, 'put', 'size'], $both],
                    'not verified' => [['gearman.ssl_verify=0'], [], [$tls, 'put', 'size'], $both],
                    'another name' => [[$ca, 'gearman.ssl_peer_name=jobs.example.org'], [], [$tls, 'size'], '/jobs\.example\.org/'],
                    'TLS of php.ini' => [[$ca, 'gearman.ssl=1'], [], [$unsaid, 'put', 'size'], $both],
                    'TLS of the environment' => [[], $environment, [$unsaid, 'put', 'size'], $both],
                ] as $what => [$settings, $variables, $arguments, $prints]
            ) {
                self::assertMatchesRegularExpression($prints, self::calls($settings, $variables, $arguments), $what);
            }
        } finally {
            array_map(unlink(...), glob("$folder/*") ?: []);
            rmdir($folder);
        }
    }

    /**
     * What calls.php prints.
     *
     * @param list<string> $settings of php.ini
     * @param array<string, string> $variables
     * @param list<string> $arguments
     */
    private static function calls(array $settings, array $variables, array $arguments): string
    {
        $options = array_merge(...array_map(static fn (string $setting) => ['-d', $setting], $settings));
        $process = proc_open(
            [getenv('TEST_PHP') ?: PHP_BINARY, ...$options, __DIR__ . '/calls.php', ...$arguments],
            [1 => ['pipe', 'w'], 2 => ['file', '/dev/null', 'w']],
            $pipes,
            null,
            $variables + getenv(),
        );
        $printed = (string) stream_get_contents($pipes[1]);
        proc_close($process);

        return $printed;
    }

    /** A large one over a slow line: it came again and again, and what was to be done about it was not said. */
    public function testAJobThatDoesNotArriveInTime(): void
    {
        $listener = stream_socket_server('tcp://127.0.0.1:0');
        $server = pcntl_fork();
        if ($server === 0) {
            try {
                self::giveHalfAJob($listener);
            } finally {
                posix_kill(posix_getpid(), SIGKILL);
            }
        }
        try {
            (new Queue(new Options([(string) stream_socket_get_name($listener, false)], timeout: 1)))->take('q', 0);
            self::fail('it has not come');
        } catch (QueueException $e) {
            self::assertStringContainsString("'timeout' has to suffice", $e->getMessage());
        } finally {
            posix_kill($server, SIGKILL);
            pcntl_waitpid($server, $status);
        }
    }

    /**
     * To who asks for one; who asks for an option has it.
     *
     * @param resource $listener
     */
    private static function giveHalfAJob(mixed $listener): void
    {
        [$optionReq, $optionRes, $grabs, $jobAssignUniq] = [26, 27, [9, 30, 39], 31];
        while ($connection = stream_socket_accept($listener, 60)) {
            while (strlen($header = (string) stream_get_contents($connection, 12)) === 12) {
                ['type' => $type, 'size' => $size] = unpack('Ntype/Nsize', $header, 4);
                $body = $size > 0 ? stream_get_contents($connection, $size) : '';
                if ($type === $optionReq) {
                    fwrite($connection, "\0RES" . pack('NN', $optionRes, $size) . $body);
                } elseif (in_array($type, $grabs, true)) {
                    fwrite($connection, "\0RES" . pack('NN', $jobAssignUniq, 1 << 20) . "H:here:1\0q\0");
                }
            }
        }
    }

    public function testTls(): void
    {
        $folder = sys_get_temp_dir() . '/gearman-queue-' . bin2hex(random_bytes(6));
        mkdir($folder);
        try {
            $certificate = TestCertificate::make($folder);
            $server = GearmanTestServer::start('--listen=tls://127.0.0.1:0', "--ssl-certificate=$certificate->file", "--ssl-key=$certificate->key");
            $queue = new Queue(Options::fromDsn("gearmans://127.0.0.1:$server->tlsPort/q?ca_file=$certificate->file"));
            if (Module::isPecl()) {
                $this->expectException(QueueException::class);
                $this->expectExceptionMessage("gearman_rs's module");
            }
            $queue->put('q', 'secret');
            self::assertSame(1, $queue->size('q'));
            $job = $queue->take('q', 10);
            self::assertSame('secret', $job?->body);
            $job->complete();
            // It was "Unknown error", or a warning of PHP where the server says it by TLS 1.3.
            $strict = GearmanTestServer::start(
                '--listen=tls://127.0.0.1:0', "--ssl-certificate=$certificate->file", "--ssl-key=$certificate->key", "--ssl-ca-file=$certificate->file",
            );
            foreach (
                [
                    ["127.0.0.1:$server->tlsPort/q?ca_file=$folder/none.pem", "$folder/none.pem"],
                    ["127.0.0.1:$server->tlsPort/q", 'certificate verify failed'],
                    ["127.0.0.1:$strict->tlsPort/q?ca_file=$certificate->file", 'certificate required'],
                ] as [$dsn, $reason]
            ) {
                try {
                    (new Queue(Options::fromDsn("gearmans://$dsn")))->size('q');
                    self::fail($reason);
                } catch (QueueException $e) {
                    self::assertStringContainsString($reason, $e->getMessage());
                }
            }
        } finally {
            array_map(unlink(...), glob("$folder/*") ?: []);
            rmdir($folder);
        }
    }
}
