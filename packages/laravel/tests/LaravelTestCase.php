<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use GearmanRs\Laravel\GearmanQueue;
use GearmanRs\Queue\Module;
use GearmanRs\Testing\GearmanTestServer;
use Illuminate\Foundation\Application;
use PHPUnit\Framework\SkippedTest;
use PHPUnit\Framework\TestCase;
use Throwable;

require_once __DIR__ . '/bootstrap.php';

/** A test with an application of its own, and a job server of its own. */
abstract class LaravelTestCase extends TestCase
{
    protected GearmanTestServer $server;
    protected AppFolder $folder;
    protected Application $app;
    private string $log = '';

    protected function setUp(): void
    {
        $this->server = GearmanTestServer::start();
        foreach (['QUEUE_CONNECTION' => 'gearman', 'GEARMAN_QUEUE_SERVERS' => $this->server->address()] as $name => $value) {
            putenv("$name=$value");
            // Where Laravel looks first.
            $_SERVER[$name] = $value;
        }
        $this->folder = new AppFolder();
        $this->app = $this->folder->boot();
    }

    protected function tearDown(): void
    {
        $this->app->flush();
        unset($this->app);
        $this->server->stop();
        $this->log = $this->folder->log();
        $this->folder->remove();
        foreach (['QUEUE_CONNECTION', 'GEARMAN_QUEUE_SERVERS'] as $name) {
            putenv($name);
            unset($_SERVER[$name]);
        }
    }

    protected function onNotSuccessfulTest(Throwable $t): never
    {
        if (!$t instanceof SkippedTest) {
            fwrite(STDERR, "\ngearmand said:\n{$this->server->output()}\nLaravel logged:\n$this->log\n");
        }
        throw $t;
    }

    protected function queue(): GearmanQueue
    {
        return $this->app['queue']->connection('gearman');
    }

    protected function needsOurs(string $why): void
    {
        if (Module::isPecl()) {
            self::markTestSkipped("pecl's module has no $why");
        }
    }

    /** @param list<string> $lines */
    protected function awaitJournal(array $lines): void
    {
        Await::that(
            fn () => count($this->folder->journal()) >= count($lines),
            fn () => "wanted:\n" . implode("\n", $lines) . "\ngot:\n" . implode("\n", $this->folder->journal()) . "\n" . $this->folder->log(),
        );
        self::assertSame($lines, $this->folder->journal());
    }
}
