<?php

declare(strict_types=1);

namespace GearmanRs\Revolt\Tests;

use GearmanRs\Revolt\GearmanLoopClient;
use GearmanRs\Testing\WithGearmanServer;
use PHPUnit\Framework\TestCase;
use Revolt\EventLoop;

abstract class LoopTestCase extends TestCase
{
    use WithGearmanServer;

    protected static function client(): GearmanLoopClient
    {
        return new GearmanLoopClient(self::gearman()->address());
    }

    /** Suspends this fiber only. */
    protected static function delay(float $seconds): void
    {
        $suspension = EventLoop::getSuspension();
        EventLoop::delay($seconds, static fn () => $suspension->resume());
        $suspension->suspend();
    }

    /** A test that hangs fails. */
    protected static function within(float $seconds, callable $body): mixed
    {
        $suspension = EventLoop::getSuspension();
        $timer = EventLoop::delay($seconds, static fn () => $suspension->throw(new \RuntimeException("not over after $seconds s")));
        EventLoop::queue(static function () use ($suspension, $body): void {
            try {
                $suspension->resume($body());
            } catch (\Throwable $e) {
                $suspension->throw($e);
            }
        });
        try {
            return $suspension->suspend();
        } finally {
            EventLoop::cancel($timer);
        }
    }
}
