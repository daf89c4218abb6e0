<?php

declare(strict_types=1);

namespace GearmanRs\Testing\Tests;

use GearmanRs\Testing\GearmanTestServer;
use GearmanRs\Testing\TestCertificate;
use GearmanRs\Testing\WithGearmanServer;
use PHPUnit\Framework\TestCase;
use RuntimeException;

final class GearmanTestServerTest extends TestCase
{
    use WithGearmanServer;

    public function testItAnswers(): void
    {
        self::assertMatchesRegularExpression('/^OK /', self::gearman()->ask('version')[0]);
        self::assertSame(self::gearman(), self::gearman());
    }

    public function testItEnds(): void
    {
        $server = GearmanTestServer::start();
        $pid = $server->pid;
        self::assertTrue(posix_kill($pid, 0));
        unset($server);
        self::assertFalse(posix_kill($pid, 0));
    }

    public function testASecondOneHasThePortOfTheFirst(): void
    {
        $server = GearmanTestServer::start();
        $server->kill();
        self::assertFalse($server->isRunning());
        $again = $server->startAgain();
        self::assertSame($server->port, $again->port);
        self::assertMatchesRegularExpression('/^OK /', $again->ask('version')[0]);
    }

    public function testItHasOptions(): void
    {
        $folder = sys_get_temp_dir() . '/gearman-testing-' . bin2hex(random_bytes(6));
        mkdir($folder);
        try {
            $certificate = TestCertificate::make($folder);
            $server = GearmanTestServer::start(
                '--listen=tls://127.0.0.1:0',
                "--ssl-certificate=$certificate->file",
                "--ssl-key=$certificate->key",
                '--queue-type=libsqlite3',
                "--libsqlite3-db=$folder/queue.db",
            );
            $context = stream_context_create(['ssl' => ['cafile' => $certificate->file]]);
            $stream = stream_socket_client("ssl://127.0.0.1:$server->tlsPort", $code, $error, 20, STREAM_CLIENT_CONNECT, $context);
            self::assertNotFalse($stream, $error);
            fwrite($stream, "version\n");
            self::assertStringStartsWith('OK ', (string) fgets($stream));
            self::assertFileExists("$folder/queue.db");
            $server->stop();
        } finally {
            array_map(unlink(...), glob("$folder/*") ?: []);
            rmdir($folder);
        }
    }

    public function testWhatDoesNotStartSaysWhy(): void
    {
        $this->expectException(RuntimeException::class);
        $this->expectExceptionMessageMatches('/does not start.*no-such-option/s');
        GearmanTestServer::start('--no-such-option');
    }

    /** It said that the program does not start, and nothing behind that. */
    public function testAProgramThatIsNotThereIsNamed(): void
    {
        $before = (string) getenv('GEARMAND');
        putenv('GEARMAND=/no/such/gearmand');
        try {
            $this->expectException(RuntimeException::class);
            $this->expectExceptionMessage('There is no program /no/such/gearmand');
            GearmanTestServer::start();
        } finally {
            putenv("GEARMAND=$before");
        }
    }

    /** PHP would otherwise wait for the server for ever. What it has written was left behind. */
    public function testItEndsWithAProcessThatDies(): void
    {
        $folder = sys_get_temp_dir() . '/testing-' . getmypid();
        mkdir($folder);
        $code = <<<'PHP'
            require getenv('AUTOLOAD');
            $server = GearmanRs\Testing\GearmanTestServer::start();
            echo $server->pid;
            ini_set('display_errors', '0');
            ini_set('memory_limit', '8M');
            $all = str_repeat('x', 1 << 30);
            PHP;
        $process = proc_open(
            [PHP_BINARY, '-n', '-r', $code],
            [1 => ['pipe', 'w']],
            $pipes,
            null,
            ['AUTOLOAD' => dirname(__DIR__, 2) . '/autoload.php', 'TMPDIR' => $folder] + getenv(),
        );
        $pid = (int) stream_get_contents($pipes[1]);
        self::assertSame(255, proc_close($process));
        self::assertGreaterThan(0, $pid);
        self::assertFalse(posix_kill($pid, 0));
        self::assertTrue(rmdir($folder), 'it is empty');
    }
}
