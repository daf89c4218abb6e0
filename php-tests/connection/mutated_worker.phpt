--TEST--
Worker and a server whose answers are changed at random: no call hangs, nothing leaks, and a good server is served afterwards
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/liar.inc';

$client = client();
$own = unique_function_name();
exchanges(
    function (int $port) use ($own, &$served) {
        ini_set('gearman.prefetch', (string) [0, 0, 3][mt_rand(0, 2)]);
        ini_set('gearman.direct_assignment', (string) mt_rand(0, 1));
        $worker = worker([], $port);
        $worker->setTimeout(50);
        $worker->addFunction('f', function (GearmanJob $job) use ($worker) {
            $job->sendStatus(1, 2) && $job->sendData($job->workload());
            return match (mt_rand(0, 4)) {
                0 => throw new DomainException('on purpose'),
                1 => $job->sendFail(),
                2 => $worker->ping('in a job'),
                default => $job->unique() . $job->handle(),
            };
        });
        $worker->addFunction($own, function () use (&$served) {
            $served++;
        });
        return $worker;
    },
    fn (GearmanWorker $worker) => match (mt_rand(0, 9)) {
        0 => $worker->ping('x'),
        1 => ($worker->grabJob() ?: null)?->sendComplete('x'),
        2 => $worker->wait(),
        3 => $worker->setId('liar' . mt_rand()) && $worker->addFunction('g', 'strlen') && $worker->unregister('g'),
        4 => $worker->addOptions(GEARMAN_WORKER_NON_BLOCKING),
        5 => $worker->removeOptions(GEARMAN_WORKER_NON_BLOCKING),
        default => $worker->work(),
    },
    function (GearmanWorker $worker) use ($client, $own, &$served) {
        $worker->setTimeout(10000);
        $worker->removeOptions(GEARMAN_WORKER_NON_BLOCKING);
        $client->doBackground($own, 'good');
        $before = $served;
        return $worker->work() && $served === $before + 1;
    },
    5,
    300, // it rests up to a second after several lies in a row
);
?>
--EXPECT--
wrong:
descriptors more: 0
