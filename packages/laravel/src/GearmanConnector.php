<?php

declare(strict_types=1);

namespace GearmanRs\Laravel;

use GearmanRs\Queue\Options;
use GearmanRs\Queue\Queue;
use Illuminate\Queue\Connectors\ConnectorInterface;
use Illuminate\Support\Arr;

final class GearmanConnector implements ConnectorInterface
{
    /**
     * @param array<string, mixed> $config See config/gearman.php.
     * @return GearmanQueue
     */
    public function connect(array $config)
    {
        $servers = Arr::only($config, ['servers', 'timeout', 'tls', 'ca_file', 'certificate', 'key']);

        return new GearmanQueue(
            new Queue(Options::fromArray($servers + ['job_timeout' => $config['retry_after'] ?? 0])),
            $config['queue'] ?? 'default',
            (float) ($config['block_for'] ?? 0),
            (bool) ($config['after_commit'] ?? false),
        );
    }
}
