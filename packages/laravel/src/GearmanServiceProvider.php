<?php

declare(strict_types=1);

namespace GearmanRs\Laravel;

use Illuminate\Queue\QueueManager;
use Illuminate\Support\ServiceProvider;

final class GearmanServiceProvider extends ServiceProvider
{
    private const CONFIG = __DIR__ . '/../config/gearman.php';

    public function register(): void
    {
        $this->mergeConfigFrom(self::CONFIG, 'gearman');
        $config = $this->app['config'];
        // Settings that were cached before the package came have none of it, and nothing is merged into what is cached.
        $ours = $config->get('gearman') ?? require self::CONFIG;
        // A connection of this name in config/queue.php goes before.
        $config->set('queue.connections.gearman', $config->get('queue.connections.gearman', []) + $ours);
        $this->callAfterResolving('queue', static function (QueueManager $manager): void {
            $manager->addConnector('gearman', static fn () => new GearmanConnector());
        });
    }

    public function boot(): void
    {
        $this->publishes([self::CONFIG => $this->app->configPath('gearman.php')], 'gearman-config');
    }
}
