<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use PHPUnit\Framework\Assert;

final class Await
{
    /**
     * Looks until it is so; a busy machine may take a while.
     *
     * @param callable(): bool $condition
     * @param callable(): string $complaint
     */
    public static function that(callable $condition, callable $complaint, float $seconds = 60): void
    {
        $deadline = microtime(true) + $seconds;
        while (!$condition()) {
            if (microtime(true) > $deadline) {
                Assert::fail($complaint());
            }
            usleep(10_000);
        }
    }
}
