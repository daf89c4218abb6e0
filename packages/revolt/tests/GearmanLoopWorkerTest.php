<?php

declare(strict_types=1);

namespace GearmanRs\Revolt\Tests;

use ErrorException;
use GearmanJob;
use GearmanRs\Revolt\GearmanFuture;
use GearmanRs\Revolt\GearmanLoopClient;
use GearmanRs\Revolt\GearmanLoopWorker;
use GearmanRs\Revolt\JobFailed;
use GearmanRs\Testing\GearmanTestServer;
use Revolt\EventLoop;

final class GearmanLoopWorkerTest extends LoopTestCase
{
    /** Jobs that were under way at a time, at most. */
    private function most(int $concurrency, int $jobs): int
    {
        $f = 'f_' . bin2hex(random_bytes(8));
        $most = $now = 0;
        $worker = new GearmanLoopWorker(self::gearman()->address(), $concurrency);
        $worker->addFunction($f, function (GearmanJob $job) use (&$most, &$now): string {
            $most = max($most, ++$now);
            self::delay(0.01);
            $now--;
            return strrev($job->workload());
        });
        $client = self::client();
        $futures = array_map(static fn (int $n) => $client->submit($f, "n$n"), range(1, $jobs));
        $results = self::within(30, static fn () => array_map(static fn (GearmanFuture $f) => $f->await(), $futures));
        self::assertSame(array_map(static fn (int $n) => strrev("n$n"), range(1, $jobs)), $results);
        $worker->stop();
        return $most;
    }

    public function testOneJobAtATime(): void
    {
        self::assertSame(1, $this->most(1, 8));
    }

    public function testSoManyAtATime(): void
    {
        self::assertSame(4, $this->most(4, 20));
    }

    public function testAFunctionMayAwaitAnotherJob(): void
    {
        $f = 'f_' . bin2hex(random_bytes(8));
        $client = self::client();
        $worker = new GearmanLoopWorker(self::gearman()->address(), 2);
        $worker->addFunction("inner_$f", static fn (GearmanJob $job): string => strrev($job->workload()));
        $worker->addFunction("outer_$f", static fn (GearmanJob $job): string => $client->submit("inner_$f", $job->workload())->await() . '!');
        self::assertSame('cba!', self::within(10, static fn () => $client->submit("outer_$f", 'abc')->await()));
        $worker->stop();
    }

    public function testAfterStopNoJobIsTakenAndThoseUnderWayEnd(): void
    {
        $f = 'f_' . bin2hex(random_bytes(8));
        $worker = new GearmanLoopWorker(self::gearman()->address());
        $begun = [];
        $worker->addFunction($f, function (GearmanJob $job) use ($worker, &$begun): string {
            $begun[] = $job->workload();
            $worker->stop();
            self::delay(0.01);
            return 'done';
        });
        $client = self::client();
        $first = $client->submit($f, 'first');
        $second = $client->submit($f, 'second');
        self::assertSame('done', self::within(10, static fn () => $first->await()));
        self::delay(0.05);
        self::assertSame(['first'], $begun);
        self::assertFalse($second->isOver());
        unset($worker);
        gc_collect_cycles();

        $other = new GearmanLoopWorker(self::gearman()->address());
        $other->addFunction($f, static fn (): string => 'by another');
        self::assertSame('by another', self::within(10, static fn () => $second->await()));
        $other->stop();
    }

    public function testTheServerMayGoAndComeBack(): void
    {
        $f = 'f_' . bin2hex(random_bytes(8));
        $server = GearmanTestServer::start();
        $worker = new GearmanLoopWorker($server->address());
        $worker->addFunction($f, static fn (GearmanJob $job): string => strrev($job->workload()));
        $client = new GearmanLoopClient($server->address());
        self::assertSame('cba', self::within(10, static fn () => $client->submit($f, 'abc')->await()));
        $warnings = [];
        self::makeExceptions($warnings);
        try {
            $server->stop();
            self::within(10, static function () use (&$warnings): void {
                while ($warnings === []) {
                    self::delay(0.001);
                }
            });
            $again = $server->startAgain();
            self::assertSame('fed', self::within(10, static fn () => $client->submit($f, 'def')->await()));
        } finally {
            restore_error_handler();
        }
        $worker->stop();
        $again->stop();
    }

    /** Whose warnings become exceptions heard of nothing: with a wrong port the worker was silent for ever. */
    public function testAnOutageIsLogged(): void
    {
        $server = GearmanTestServer::start();
        $server->stop();
        $worker = new GearmanLoopWorker($server->address());
        $worker->addFunction('f', static fn (): string => '');
        $logged = self::logged(static fn () => self::untilItWarns());
        $worker->stop();
        self::assertStringContainsString($server->address(), $logged);
    }

    /** It ended the loop, went back, and ended the next process. */
    public function testAJobThatIsTooLargeDoesNotEndTheLoop(): void
    {
        $f = 'f_' . bin2hex(random_bytes(8));
        $reverse = static fn (GearmanJob $job): string => strrev($job->workload());
        ini_set('gearman.max_packet_size', '4096');
        try {
            $small = new GearmanLoopWorker(self::gearman()->address());
        } finally {
            ini_restore('gearman.max_packet_size');
        }
        $small->addFunction("large_$f", $reverse);
        $small->addFunction("small_$f", $reverse);
        $client = self::client();
        $job = $client->submit("large_$f", str_repeat('ab', 5000));
        $large = null;
        $logged = self::logged(static function () use ($f, $reverse, $job, &$large): void {
            self::untilItWarns(static function () use ($f, $reverse, $job, &$large): void {
                $large = new GearmanLoopWorker(self::gearman()->address());
                $large->addFunction("large_$f", $reverse);
                self::assertSame(str_repeat('ba', 5000), self::within(30, static fn () => $job->await()));
            });
        });
        self::assertStringContainsString('exceeds the limit of 4096 bytes', $logged);
        self::assertSame('cba', self::within(10, static fn () => $client->submit("small_$f", 'abc')->await()));
        $small->stop();
        $large?->stop();
    }

    public function testWhatAFunctionWarnsOfIsAnExceptionToo(): void
    {
        $f = 'f_' . bin2hex(random_bytes(8));
        $worker = new GearmanLoopWorker(self::gearman()->address());
        $worker->addFunction($f, static fn (): string => (string) trigger_error('of the function', E_USER_WARNING));
        $thrown = $warnings = [];
        EventLoop::setErrorHandler(static function (\Throwable $e) use (&$thrown): void {
            $thrown[] = $e->getMessage();
        });
        self::makeExceptions($warnings);
        try {
            self::within(10, static fn () => self::client()->submit($f, 'x')->await());
            self::fail('it was silenced');
        } catch (JobFailed $e) {
            self::assertSame(GEARMAN_WORK_EXCEPTION, $e->getCode());
        } finally {
            restore_error_handler();
            EventLoop::setErrorHandler(null);
            $worker->stop();
        }
        self::assertSame(['of the function'], $thrown);
    }

    /** Waits until a warning has become an exception; then, while they do, for what follows. */
    private static function untilItWarns(?callable $then = null): void
    {
        $warnings = [];
        self::makeExceptions($warnings);
        try {
            self::within(10, static function () use (&$warnings): void {
                while ($warnings === []) {
                    self::delay(0.001);
                }
            });
            $then === null || $then();
        } finally {
            restore_error_handler();
        }
    }

    /** What goes to PHP's error log meanwhile. */
    private static function logged(callable $body): string
    {
        $log = (string) tempnam(sys_get_temp_dir(), 'log');
        $before = (string) ini_set('error_log', $log);
        try {
            $body();

            return (string) file_get_contents($log);
        } finally {
            ini_set('error_log', $before);
            unlink($log);
        }
    }

    /**
     * Of warnings that are not silenced, as the handlers of Laravel and Symfony do.
     *
     * @param list<string> $warnings
     */
    private static function makeExceptions(array &$warnings): void
    {
        set_error_handler(static function (int $level, string $text, string $file, int $line) use (&$warnings): bool {
            if ((error_reporting() & $level) === 0) {
                return false;
            }
            $warnings[] = $text;
            throw new ErrorException($text, 0, $level, $file, $line);
        });
    }
}
