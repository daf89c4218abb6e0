<?php

declare(strict_types=1);

namespace GearmanRs\Testing;

use PHPUnit\Framework\Attributes\AfterClass;
use Throwable;

/**
 * For a PHPUnit test case: a job server from the first `self::gearman()` to the end of the class. What it said is shown with a
 * test that fails.
 */
trait WithGearmanServer
{
    private static ?GearmanTestServer $gearman = null;

    /** Options count where it is started: at the first call. */
    protected static function gearman(string ...$options): GearmanTestServer
    {
        return self::$gearman ??= GearmanTestServer::start(...$options);
    }

    /** @afterClass */
    #[AfterClass]
    public static function stopGearman(): void
    {
        self::$gearman?->stop();
        self::$gearman = null;
    }

    protected function onNotSuccessfulTest(Throwable $t): never
    {
        if (self::$gearman !== null) {
            fwrite(STDERR, "\ngearmand at " . self::$gearman->address() . " said:\n" . self::$gearman->output());
        }
        throw $t;
    }
}
