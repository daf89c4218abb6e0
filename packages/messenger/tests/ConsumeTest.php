<?php

declare(strict_types=1);

namespace GearmanRs\Messenger\Tests;

use App\Message\Gathered;
use App\Message\Note;
use GearmanRs\Messenger\GearmanTransport;
use GearmanRs\Messenger\GearmanTransportFactory;
use GearmanRs\Queue\Module;
use GearmanRs\Queue\Options;
use GearmanRs\Queue\Queue;
use GearmanRs\Testing\WithGearmanServer;
use PHPUnit\Framework\TestCase;
use Symfony\Component\Filesystem\Filesystem;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;
use Symfony\Component\Messenger\Worker;

require_once __DIR__ . '/app/autoload.php';

/** messenger:consume of an application, in a process of its own. */
final class ConsumeTest extends TestCase
{
    use WithGearmanServer;

    /** The application is compiled once. */
    private static string $cache;

    private string $folder;

    private GearmanTransport $transport;

    public static function setUpBeforeClass(): void
    {
        self::$cache = self::folder();
    }

    public static function tearDownAfterClass(): void
    {
        (new Filesystem())->remove(self::$cache);
    }

    protected function setUp(): void
    {
        $this->folder = self::folder();
        $dsn = 'gearman://' . self::gearman()->address() . '/messages';
        $this->transport = (new GearmanTransportFactory())->createTransport($dsn, [], new PhpSerializer());
    }

    protected function tearDown(): void
    {
        unset($this->transport);
        self::stopGearman();
        (new Filesystem())->remove($this->folder);
    }

    public function testLimit(): void
    {
        $this->send(1, 2, 3);
        $this->succeeds($this->console('messenger:consume', 'async', '--limit=2'));
        self::assertSame([1, 2], $this->done());
        $this->await(fn () => $this->jobs('messages') === 1);
    }

    public function testTimeLimit(): void
    {
        $this->send(1);
        $this->succeeds($this->console('messenger:consume', 'async', '--time-limit=1'));
        self::assertSame([1], $this->done());
    }

    public function testMemoryLimit(): void
    {
        $this->send(1, 2);
        $this->succeeds($this->console('messenger:consume', 'async', '--memory-limit=1M'));
        self::assertSame([1], $this->done());
        $this->await(fn () => $this->jobs('messages') === 1);
    }

    /** The message that is handled is handled to its end. */
    public function testSigterm(): void
    {
        $this->send(0, 1);
        $console = $this->console('messenger:consume', 'async');
        $this->await(fn () => file_exists("$this->folder/begun"), $console);
        proc_terminate($console, SIGTERM);
        touch("$this->folder/go");
        $this->succeeds($console);
        self::assertSame([0], $this->done());
        $this->await(fn () => $this->jobs('messages') === 1);
    }

    public function testSigtermWhileItWaits(): void
    {
        $this->send(1);
        $console = $this->console('messenger:consume', 'async');
        $this->await(fn () => $this->done() === [1], $console);
        proc_terminate($console, SIGTERM);
        $this->succeeds($console);
    }

    public function testAKilledOne(): void
    {
        $this->send(0);
        $console = $this->console('messenger:consume', 'async');
        $this->await(fn () => file_exists("$this->folder/begun"), $console);
        proc_terminate($console, SIGKILL);
        $this->end($console);
        touch("$this->folder/go");
        $this->succeeds($this->console('messenger:consume', 'async', '--limit=1'));
        self::assertSame([0], $this->done());
    }

    public function testFailedOnesAreInTheFailureTransportUntilTheyAreRetried(): void
    {
        $this->transport->send(new Envelope(new Note(1, PHP_INT_MAX)));
        $console = $this->console('messenger:consume', 'async');
        $this->await(fn () => $this->jobs('failed') === 1, $console);
        proc_terminate($console, SIGTERM);
        $this->succeeds($console);
        self::assertSame(4, filesize("$this->folder/tries-1"));
        $this->await(fn () => $this->jobs('messages') === 0);

        touch("$this->folder/healed");
        $this->succeeds($this->console('messenger:consume', 'failed', '--limit=1'));
        self::assertSame([1], $this->done());
        $this->await(fn () => $this->jobs('failed') === 0);
    }

    /** Messages of a batch are under way together; one of them fails. */
    public function testABatchHandler(): void
    {
        foreach (range(1, 25) as $id) {
            $this->transport->send(new Envelope(new Gathered($id)));
        }
        $console = $this->console('messenger:consume', 'async', '--sleep=0.1');
        $gathered = fn () => preg_split('/\s+/', (string) @file_get_contents("$this->folder/batches"), -1, PREG_SPLIT_NO_EMPTY);
        // The retries of 13 wait longer and longer; with pecl's they come at once.
        $this->await(fn () => count(array_unique($gathered())) === 25 && $this->jobs('failed') === 1, $console);
        $this->await(fn () => $this->jobs('messages') === 0, $console);
        proc_terminate($console, SIGTERM);
        $this->succeeds($console);
        self::assertSame(implode(' ', range(1, 10)), trim(file("$this->folder/batches")[0]));
        self::assertSame([13 => 4], array_filter(array_count_values($gathered()), static fn (int $times) => $times > 1));
    }

    /** What a worker holds that has not filled its batch goes to another when it is killed. */
    public function testABatchOfAKilledWorker(): void
    {
        foreach (range(1, 5) as $id) {
            $this->transport->send(new Envelope(new Gathered($id)));
        }
        $this->send(0);
        $console = $this->console('messenger:consume', 'async');
        $this->await(fn () => file_exists("$this->folder/begun"), $console);
        self::assertSame(6, (new Queue(new Options([self::gearman()->address()])))->running('messages'));
        proc_terminate($console, SIGKILL);
        $this->end($console);
        touch("$this->folder/go");
        $this->succeeds($this->console('messenger:consume', 'async', '--limit=6'));
        self::assertSame("1 2 3 4 5\n", file_get_contents("$this->folder/batches"));
        self::assertSame([0], $this->done());
        $this->await(fn () => $this->jobs('messages') === 0);
    }

    /** The first transport that is named comes first. */
    public function testTwoTransports(): void
    {
        $this->send(1, 2);
        $other = (new GearmanTransportFactory())->createTransport('gearman://' . self::gearman()->address() . '/other', [], new PhpSerializer());
        foreach ([3, 4] as $id) {
            $other->send(new Envelope(new Note($id, 0)));
        }
        $this->succeeds($this->console('messenger:consume', 'other', 'async', '--limit=4'));
        self::assertSame([3, 4, 1, 2], $this->done());
        $this->await(fn () => $this->jobs('messages') + $this->jobs('other') === 0);
    }

    /** The server hears that the message is still in good hands while its handler is at work. */
    public function testKeepalive(): void
    {
        if (!method_exists(Worker::class, 'keepalive')) {
            self::markTestSkipped('Symfony has that since 7.2.');
        }
        $this->send(0);
        $console = $this->console('messenger:consume', 'async', '--limit=1', '--keepalive=1', '-vvv');
        $said = fn () => (string) file_get_contents("$this->folder/output");
        $this->await(fn () => substr_count($said(), 'Sending keepalive request') >= 2, $console);
        touch("$this->folder/go");
        $this->succeeds($console);
        self::assertSame([0], $this->done());
        self::assertStringNotContainsString('not ours any more', $said());
        $this->await(fn () => $this->jobs('messages') === 0);
    }

    public function testSetup(): void
    {
        $this->succeeds($this->console('messenger:setup-transports'));
        self::gearman()->kill();
        self::assertNotSame(0, $this->end($this->console('messenger:setup-transports')));
    }

    private static function folder(): string
    {
        $folder = sys_get_temp_dir() . '/gearman-messenger-' . bin2hex(random_bytes(6));
        mkdir($folder);

        return $folder;
    }

    private function send(int ...$ids): void
    {
        foreach ($ids as $id) {
            $this->transport->send(new Envelope(new Note($id, 0)));
        }
    }

    /** @return list<int> */
    private function done(): array
    {
        return array_map(intval(...), @file("$this->folder/done") ?: []);
    }

    private function jobs(string $queue): int
    {
        return (new Queue(new Options([self::gearman()->address()])))->size($queue);
    }

    /** @return resource */
    private function console(string ...$arguments): mixed
    {
        $environment = [
            'APP_CACHE_DIR' => self::$cache,
            'APP_LOG_DIR' => self::$cache,
            'APP_ENV' => Module::isPecl() ? 'pecl' : 'prod',
            'NOTES' => $this->folder,
            'MESSENGER_TRANSPORT_DSN' => 'gearman://' . self::gearman()->address(),
        ];
        $output = ['file', "$this->folder/output", 'a'];
        $process = proc_open(
            [getenv('TEST_PHP') ?: PHP_BINARY, __DIR__ . '/app/bin/console', ...$arguments],
            [['file', '/dev/null', 'r'], $output, $output],
            $pipes,
            null,
            $environment + getenv(),
        );
        self::assertNotFalse($process);

        return $process;
    }

    /** @param resource $console */
    private function succeeds(mixed $console): void
    {
        self::assertSame(0, $this->end($console), (string) @file_get_contents("$this->folder/output"));
    }

    /** @param resource $console */
    private function end(mixed $console): int
    {
        $this->await(function () use ($console, &$status): bool {
            $status = proc_get_status($console);

            return !$status['running'];
        });
        proc_close($console);

        return $status['exitcode'];
    }

    /** @param resource|null $console Without which it would be in vain. */
    private function await(callable $condition, mixed $console = null): void
    {
        for ($deadline = microtime(true) + 60; !$condition(); usleep(10000)) {
            if (microtime(true) > $deadline || ($console !== null && !proc_get_status($console)['running'])) {
                self::fail("waited in vain; the console said:\n" . @file_get_contents("$this->folder/output"));
            }
            clearstatcache();
        }
    }
}
