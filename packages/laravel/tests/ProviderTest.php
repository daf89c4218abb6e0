<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use GearmanRs\Laravel\GearmanQueue;
use GearmanRs\Laravel\GearmanServiceProvider;
use GearmanRs\Laravel\Tests\App\Jobs\Note;
use GearmanRs\Queue\Module;
use GearmanRs\Queue\QueueException;
use Illuminate\Contracts\Queue\Queue;
use ReflectionClass;
use ReflectionParameter;

/** How the package gets into an application, and into Laravels that are newer than the one at hand. */
final class ProviderTest extends LaravelTestCase
{
    public function testItIsDiscovered(): void
    {
        self::assertArrayHasKey(GearmanServiceProvider::class, $this->app->getLoadedProviders());
        self::assertInstanceOf(GearmanQueue::class, $this->app['queue']->connection());
        self::assertSame('gearman', $this->queue()->getConnectionName());
    }

    public function testItsConfigurationIsPublished(): void
    {
        $this->folder->artisan('vendor:publish', '--tag=gearman-config');
        $file = "{$this->folder->base}/config/gearman.php";
        self::assertFileEquals(dirname(__DIR__) . '/config/gearman.php', $file);
        file_put_contents($file, "<?php return ['queue' => 'mine'];");
        // Also where it is cached; what is left out there is as the package has it.
        foreach (['queue:work', 'config:cache', 'queue:work'] as $command) {
            if ($command === 'config:cache') {
                $this->folder->artisan($command);
                continue;
            }
            Note::dispatch('a')->onQueue('mine');
            $this->folder->artisan($command, '--once', '--sleep=0');
            self::assertSame(0, $this->queue()->size('mine'));
        }
    }

    /** It was a TypeError of each request and each command, config:clear among them. */
    public function testSettingsThatWereCachedBeforeThePackageCame(): void
    {
        $this->folder->artisan('config:cache');
        $file = "{$this->folder->base}/bootstrap/cache/config.php";
        $cached = require $file;
        unset($cached['gearman']);
        $cached['queue'] = require "{$this->folder->base}/config/queue.php";
        file_put_contents($file, '<?php return ' . var_export($cached, true) . ';');
        Note::dispatch('a');
        $this->folder->artisan('queue:work', '--once', '--sleep=0');
        self::assertSame(0, $this->queue()->size());
        $this->folder->artisan('config:clear');
        self::assertFileDoesNotExist($file);
    }

    public function testAConnectionOfAnotherNameIsConfiguredByItself(): void
    {
        $this->app['config']->set('queue.connections.reports', [
            'driver' => 'gearman', 'servers' => [$this->server->address()], 'queue' => 'reports', 'retry_after' => 90,
        ]);
        $reports = $this->app['queue']->connection('reports');
        $reports->push(new Note('a'));
        self::assertSame([1, 1], [$reports->size(), $this->queue()->size('reports')]);
        $reports->pop()->delete();
    }

    public function testMistakesAreNamed(): void
    {
        $this->app['config']->set('queue.connections.wrong', ['driver' => 'gearman', 'servers' => 'here:and:there']);
        $this->expectException(QueueException::class);
        $this->expectExceptionMessage("'here:and:there' is no server");
        $this->app['queue']->connection('wrong');
    }

    public function testPeclHasNoTls(): void
    {
        if (!Module::isPecl()) {
            self::markTestSkipped('ours has; packages/queue tests it');
        }
        $this->app['config']->set('queue.connections.gearman.tls', true);
        $this->expectException(QueueException::class);
        $this->expectExceptionMessage("gearman_rs's module");
        $this->queue()->push(new Note('a'));
    }

    /**
     * Each method can be called as a newer contract says, and may be declared with it.
     *
     * @dataProvider contracts
     */
    #[\PHPUnit\Framework\Attributes\DataProvider('contracts')]
    public function testItFitsAContract(string $contract): void
    {
        $ours = new ReflectionClass(GearmanQueue::class);
        foreach ((new ReflectionClass($contract))->getMethods() as $method) {
            self::assertTrue($ours->hasMethod($method->name), "$contract has $method->name()");
            $parameters = static fn (ReflectionParameter $parameter) => [$parameter->getPosition(), $parameter->isOptional()];
            $wanted = array_map($parameters, $method->getParameters());
            $got = array_map($parameters, $ours->getMethod($method->name)->getParameters());
            self::assertSame($wanted, array_slice($got, 0, count($wanted)), $method->name);
        }
    }

    /** @return array<string, array{class-string}> */
    public static function contracts(): array
    {
        return ['at hand' => [Queue::class], 'Laravel 12' => [Laravel12Queue::class]];
    }
}
