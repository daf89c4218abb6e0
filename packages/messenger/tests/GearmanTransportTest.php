<?php

declare(strict_types=1);

namespace GearmanRs\Messenger\Tests;

use App\Message\Note;
use GearmanRs\Messenger\GearmanPriorityStamp;
use GearmanRs\Messenger\GearmanTransport;
use GearmanRs\Messenger\GearmanTransportFactory;
use GearmanRs\Messenger\GearmanUniqueStamp;
use GearmanRs\Queue\Module;
use GearmanRs\Queue\Options;
use GearmanRs\Queue\Priority;
use GearmanRs\Queue\Queue;
use GearmanRs\Testing\GearmanTestServer;
use GearmanRs\Testing\WithGearmanServer;
use PHPUnit\Framework\TestCase;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Exception\InvalidArgumentException;
use Symfony\Component\Messenger\Exception\MessageDecodingFailedException;
use Symfony\Component\Messenger\Exception\TransportException;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Stamp\RedeliveryStamp;
use Symfony\Component\Messenger\Stamp\StampInterface;
use Symfony\Component\Messenger\Stamp\TransportMessageIdStamp;
use Symfony\Component\Messenger\Transport\Receiver\KeepaliveReceiverInterface;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;

require_once __DIR__ . '/app/autoload.php';

final class GearmanTransportTest extends TestCase
{
    use WithGearmanServer;

    private string $name;

    private GearmanTransport $transport;

    protected function setUp(): void
    {
        $this->name = 'q' . bin2hex(random_bytes(6));
        $this->transport = $this->transport();
    }

    protected function tearDown(): void
    {
        unset($this->transport);
    }

    public function testAMessageIsSentReceivedAndAcknowledged(): void
    {
        $sent = $this->send(1);
        self::assertSame(1, $this->transport->getMessageCount());
        $received = $this->receive();
        self::assertEquals(new Note(1, 0), $received->getMessage());
        self::assertEquals($sent->last(TransportMessageIdStamp::class), $received->last(TransportMessageIdStamp::class));
        self::assertSame(0, $this->transport->getMessageCount());
        $this->transport->ack($received);
        $this->awaitJobs(0);
        self::assertSame([], $this->transport->get());
    }

    public function testADroppedEnvelopeIsReceivedAgain(): void
    {
        $this->send(1);
        $received = $this->receive();
        unset($received);
        $this->transport->ack($this->receive());
        $this->awaitJobs(0);
    }

    public function testADelayedMessageWaits(): void
    {
        if (Module::isPecl()) {
            $this->expectException(TransportException::class);
            $this->expectExceptionMessage("gearman_rs's module");
        }
        $due = microtime(true) + 1.1;
        $this->send(1, new DelayStamp(1100));
        self::assertSame([], $this->transport->get());
        self::assertSame(1, $this->transport->getMessageCount());
        $this->transport->ack($this->receive());
        self::assertGreaterThanOrEqual($due, microtime(true));
    }

    public function testPriorities(): void
    {
        $this->send(3, new GearmanPriorityStamp(Priority::Low));
        $this->send(2);
        $this->send(1, new GearmanPriorityStamp(Priority::High));
        self::assertSame([1, 2, 3], $this->receiveIds());
    }

    public function testAUniqueMessageIsOne(): void
    {
        $this->send(1, new GearmanUniqueStamp('key'));
        $this->send(2, new GearmanUniqueStamp('key'));
        self::assertSame([1], $this->receiveIds());
        $this->send(3, new GearmanUniqueStamp('key'));
        self::assertSame([3], $this->receiveIds());
    }

    /** It is sent before its message is acknowledged, and would be over with that. */
    public function testARetryOfAUniqueMessageIsAnotherOne(): void
    {
        $this->send(1, new GearmanUniqueStamp('key'));
        $received = $this->receive();
        $this->transport->send($received->with(new RedeliveryStamp(1)));
        $this->transport->reject($received);
        self::assertSame([1], $this->receiveIds());
    }

    public function testARejectedMessageIsOverForTheServer(): void
    {
        $server = self::withRetries();
        $transport = $this->transport('', $server);
        $transport->send(new Envelope(new Note(1, 0)));
        $transport->reject($this->receive($transport));
        $this->awaitJobs(0, $server);
    }

    public function testARejectedMessageIsLeftToThePolicyOfTheServer(): void
    {
        $server = self::withRetries();
        $transport = $this->transport('?fail_rejected=1', $server);
        $transport->send(new Envelope(new Note(1, 0)));
        $transport->reject($this->receive($transport));
        self::assertEquals(new Note(1, 0), $this->receive($transport)->getMessage());
    }

    public function testAMessageThatCannotBeDecodedIsRemoved(): void
    {
        $this->queue()->put($this->name, 'no message');
        try {
            $this->receive();
            self::fail();
        } catch (MessageDecodingFailedException) {
        }
        $this->awaitJobs(0);
    }

    public function testMessagesOfOtherPrograms(): void
    {
        $this->queue()->put($this->name, '{"id": 7}');
        $serializer = $this->createMock(SerializerInterface::class);
        $serializer->expects(self::once())->method('decode')->with(['body' => '{"id": 7}', 'headers' => []])
            ->willReturn(new Envelope(new Note(7, 0)));
        $transport = $this->transport('', null, $serializer);
        $transport->ack($this->receive($transport));
    }

    public function testBytesAndHeadersOfASerializer(): void
    {
        $encoded = ['body' => "\xff\0\n", 'headers' => ['type' => 'note', 'X-Ü' => '1']];
        $serializer = $this->createMock(SerializerInterface::class);
        $serializer->method('encode')->willReturn($encoded);
        $serializer->expects(self::once())->method('decode')->with($encoded)->willReturn(new Envelope(new Note(7, 0)));
        $transport = $this->transport('', null, $serializer);
        $transport->send(new Envelope(new Note(7, 0)));
        $transport->ack($this->receive($transport));
    }

    public function testQueues(): void
    {
        $transport = $this->transport(",$this->name-b");
        $this->send(1);
        $this->queue()->put("$this->name-b", json_encode((new PhpSerializer())->encode(new Envelope(new Note(2, 0))) + ['headers' => []]));
        self::assertSame(2, $transport->getMessageCount());
        [$received] = $transport->getFromQueues(["$this->name-b"]);
        self::assertSame(2, $received->getMessage()->id);
        $transport->ack($received);
        self::assertSame([], $transport->getFromQueues(["$this->name-b"]));
        self::assertSame([1], $this->receiveIds($transport));
    }

    /** A message that was sent and begun between two readings made it -1. */
    public function testAMessageCountIsOfOneReading(): void
    {
        $listener = stream_socket_server('tcp://127.0.0.1:0');
        $server = pcntl_fork();
        if ($server === 0) {
            try {
                foreach (["0\t0", "1\t1"] as $counts) {
                    $connection = stream_socket_accept($listener, 60);
                    fgets($connection);
                    fwrite($connection, "$this->name\t$counts\t1\n.\n");
                }
            } finally {
                posix_kill(posix_getpid(), SIGKILL);
            }
        }
        try {
            $dsn = 'gearman://' . stream_socket_get_name($listener, false) . "/$this->name";
            $transport = (new GearmanTransportFactory())->createTransport($dsn, [], new PhpSerializer());
            self::assertSame(0, $transport->getMessageCount());
        } finally {
            posix_kill($server, SIGKILL);
            pcntl_waitpid($server, $status);
        }
    }

    public function testSeveralMessagesAtOnce(): void
    {
        $this->send(1);
        $this->send(2);
        $received = [$this->receive(), $this->receive()];
        $this->transport->ack($received[1]);
        $this->transport->ack($received[0]);
        $this->awaitJobs(0);
    }

    public function testKeepalive(): void
    {
        if (interface_exists(KeepaliveReceiverInterface::class)) {
            self::assertInstanceOf(KeepaliveReceiverInterface::class, $this->transport);
        }
        $this->send(1);
        $received = $this->receive();
        $this->transport->keepalive($received, 5);
        $this->transport->ack($received);
        $this->expectException(TransportException::class);
        $this->transport->keepalive($received, 5);
    }

    public function testServersThatAreNotThere(): void
    {
        $server = GearmanTestServer::start();
        $transport = $this->transport('', $server);
        $transport->setup();
        $server->kill();
        foreach (['setup', 'get', 'getMessageCount'] as $call) {
            try {
                $transport->$call();
                self::fail($call);
            } catch (TransportException $e) {
                self::assertStringContainsString($server->address(), $e->getMessage());
            }
        }
        $this->expectException(TransportException::class);
        $transport->send(new Envelope(new Note(1, 0)));
    }

    public function testTheFactory(): void
    {
        $factory = new GearmanTransportFactory();
        self::assertTrue($factory->supports('gearman://h', []));
        self::assertTrue($factory->supports('gearmans://h', []));
        self::assertFalse($factory->supports('redis://h', []));
        $this->expectException(InvalidArgumentException::class);
        $this->expectExceptionMessage("no option 'stream'");
        $factory->createTransport('gearman://h', ['transport_name' => 'async', 'stream' => 'x'], new PhpSerializer());
    }

    private static function withRetries(): GearmanTestServer
    {
        $policies = (string) tempnam(sys_get_temp_dir(), 'policies');
        file_put_contents($policies, "[function.\"*\"]\nretries = 3\nbackoff = \"1ms\"\n");
        $server = GearmanTestServer::start("--policy-file=$policies");
        unlink($policies);

        return $server;
    }

    private function transport(string $more = '', ?GearmanTestServer $server = null, ?SerializerInterface $serializer = null): GearmanTransport
    {
        $dsn = 'gearman://' . ($server ?? self::gearman())->address() . "/$this->name$more";

        return (new GearmanTransportFactory())->createTransport($dsn, ['transport_name' => 'async'], $serializer ?? new PhpSerializer());
    }

    private function queue(?GearmanTestServer $server = null): Queue
    {
        return new Queue(new Options([($server ?? self::gearman())->address()]));
    }

    private function send(int $id, StampInterface ...$stamps): Envelope
    {
        return $this->transport->send(new Envelope(new Note($id, 0), $stamps));
    }

    private function receive(?GearmanTransport $transport = null): Envelope
    {
        for ($deadline = microtime(true) + 20; microtime(true) < $deadline; usleep(5000)) {
            foreach (($transport ?? $this->transport)->get() as $envelope) {
                return $envelope;
            }
        }
        self::fail('no message came');
    }

    /** @return list<int> */
    private function receiveIds(?GearmanTransport $transport = null): array
    {
        $transport ??= $this->transport;
        $ids = [];
        while ([] !== $envelopes = $transport->get()) {
            $ids[] = $envelopes[0]->getMessage()->id;
            $transport->ack($envelopes[0]);
        }

        return $ids;
    }

    private function awaitJobs(int $wanted, ?GearmanTestServer $server = null): void
    {
        $queue = $this->queue($server);
        for ($deadline = microtime(true) + 20; $queue->size($this->name) !== $wanted && microtime(true) < $deadline;) {
            usleep(5000);
        }
        self::assertSame($wanted, $queue->size($this->name));
    }
}
