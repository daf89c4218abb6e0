<?php

declare(strict_types=1);

namespace GearmanRs\Revolt\Tests;

use GearmanClient;
use GearmanJob;
use GearmanRs\Revolt\GearmanFuture;
use GearmanRs\Revolt\GearmanLoopClient;
use GearmanRs\Revolt\GearmanLoopWorker;
use GearmanRs\Revolt\JobFailed;
use GearmanRs\Revolt\Priority;
use Revolt\EventLoop;
use RuntimeException;

final class GearmanLoopClientTest extends LoopTestCase
{
    private GearmanLoopWorker $worker;
    private string $f;

    protected function setUp(): void
    {
        $this->f = 'f_' . bin2hex(random_bytes(8));
        $this->worker = new GearmanLoopWorker(self::gearman()->address());
        $this->worker->addFunction($this->f, static function (GearmanJob $job): ?string {
            switch ($job->workload()) {
                case 'fails':
                    $job->sendFail();
                    return null;
                case 'throws':
                    throw new RuntimeException('of the function');
                case 'parts':
                    $job->sendData('one ');
                    $job->sendData('two ');
                    return 'three';
            }
            return strrev($job->workload());
        });
    }

    protected function tearDown(): void
    {
        $this->worker->stop();
        EventLoop::setErrorHandler(null);
    }

    public function testResultsAreAwaited(): void
    {
        $client = self::client();
        self::assertSame('olleh', self::within(10, fn () => $client->submit($this->f, 'hello')->await()));
        self::assertSame('one two three', self::within(10, fn () => $client->submit($this->f, 'parts')->await()));
    }

    public function testManyAtATimeAndOneFutureByMany(): void
    {
        $client = self::client();
        $futures = array_map(fn (int $n): GearmanFuture => $client->submit($this->f, "task $n"), range(0, 199));
        $results = self::within(30, static fn () => array_map(static fn (GearmanFuture $future) => $future->await(), $futures));
        self::assertSame(array_map(static fn (int $n) => strrev("task $n"), range(0, 199)), $results);
        self::assertTrue($futures[7]->isOver());
        self::assertSame('7 ksat', $futures[7]->await());

        $future = $client->submit($this->f, 'shared', Priority::High);
        $seen = [];
        for ($i = 0; $i < 3; $i++) {
            EventLoop::queue(static function () use ($future, &$seen): void {
                $seen[] = $future->await();
            });
        }
        self::within(10, static function () use ($future, &$seen): void {
            while (count($seen) < 3) {
                $future->await();
                self::delay(0.001);
            }
        });
        self::assertSame(['derahs', 'derahs', 'derahs'], $seen);
    }

    public function testTimersGoOnMeanwhile(): void
    {
        $client = self::client();
        $ticks = 0;
        $timer = EventLoop::repeat(0.001, static function () use (&$ticks): void {
            $ticks++;
        });
        self::within(10, function () use ($client, &$ticks): void {
            while ($ticks < 20) {
                $client->submit($this->f, 'x')->await();
            }
        });
        EventLoop::cancel($timer);
        self::assertGreaterThanOrEqual(20, $ticks);
    }

    public function testWhatFailsIsThrown(): void
    {
        EventLoop::setErrorHandler(static function (\Throwable $e) use (&$thrown): void {
            $thrown[] = $e->getMessage();
        });
        $client = self::client();
        foreach (['fails' => GEARMAN_WORK_FAIL, 'throws' => GEARMAN_WORK_EXCEPTION] as $workload => $code) {
            try {
                self::within(10, fn () => $client->submit($this->f, $workload)->await());
                self::fail("$workload was not thrown");
            } catch (JobFailed $e) {
                self::assertSame($code, $e->getCode());
                $texts[] = $e->getMessage();
            }
        }
        self::assertSame(['the job failed', 'RuntimeException: of the function'], $texts);
        self::assertSame(['of the function'], $thrown);
        self::assertSame('cba', self::within(10, fn () => $client->submit($this->f, 'abc', unique: 'key')->await()));
    }

    public function testATimeoutIsOfTheWaitOnly(): void
    {
        $client = self::client();
        $future = $client->submit('nobody_' . $this->f, 'x');
        try {
            self::within(10, static fn () => $future->await(0.01));
            self::fail('it did not end');
        } catch (JobFailed $e) {
            self::assertSame(GEARMAN_TIMEOUT, $e->getCode());
        }
        self::assertFalse($future->isOver());
        $late = new GearmanLoopWorker(self::gearman()->address());
        $late->addFunction('nobody_' . $this->f, static fn (): string => 'late');
        self::assertSame('late', self::within(10, static fn () => $future->await()));
        $late->stop();
    }

    public function testBackgroundJobsGiveTheirHandles(): void
    {
        $this->worker->stop();
        $client = self::client();
        $handle = self::within(10, fn () => $client->submitBackground($this->f, 'x', Priority::Low)->await());
        self::assertStringStartsWith('H:', $handle);
        $ask = new GearmanClient();
        $ask->addServers(self::gearman()->address());
        self::assertTrue($ask->jobStatus($handle)[0]);
    }

    public function testWhereNoServerIsNothingHangs(): void
    {
        $probe = stream_socket_server('tcp://127.0.0.1:0');
        $client = new GearmanLoopClient(stream_socket_get_name($probe, false));
        fclose($probe);
        try {
            self::within(10, fn () => $client->submit($this->f, 'x')->await());
            self::fail('there is no server');
        } catch (JobFailed $e) {
            self::assertSame(GEARMAN_COULD_NOT_CONNECT, $e->getCode());
        }
    }

    /** It takes connections, as its system does that for it, and says nothing. */
    public function testAServerThatHangsIsPassedOver(): void
    {
        $silent = stream_socket_server('tcp://127.0.0.1:0');
        $servers = new GearmanClient();
        $servers->addServers(stream_socket_get_name($silent, false) . ',' . self::gearman()->address());
        $servers->setTimeout(1000);
        $client = new GearmanLoopClient($servers);
        try {
            self::within(10, fn () => $client->submit($this->f, 'abc')->await());
            self::fail('nobody has answered');
        } catch (JobFailed $e) {
            self::assertSame(GEARMAN_TIMEOUT, $e->getCode());
        }
        self::assertSame('cba', self::within(10, fn () => $client->submit($this->f, 'abc')->await()));
    }

    public function testWhatCannotBeSubmittedIsThrown(): void
    {
        $this->expectException(JobFailed::class);
        self::client()->submit($this->f, 'x', unique: str_repeat('x', 100));
    }

    public function testTheLoopEndsWhenNothingIsUnderWay(): void
    {
        $client = self::client();
        $done = false;
        EventLoop::queue(function () use ($client, &$done): void {
            $done = $client->submit($this->f, 'abc')->await() === 'cba';
            $this->worker->stop();
        });
        EventLoop::run();
        self::assertTrue($done);
    }

    public function testJobsOfAClientThatIsGoneGoOn(): void
    {
        $future = self::client()->submit($this->f, 'abc');
        gc_collect_cycles();
        self::assertSame('cba', self::within(10, static fn () => $future->await()));
    }
}
