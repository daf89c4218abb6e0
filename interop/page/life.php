<?php

/**
 * life.php PORT client|worker: something to look at, as it might be in a shop: mails at an even pace, pictures in waves, invoices
 * that fail now and then, a long report, and an import that nobody works on.
 */

[, $port, $part] = $argv;

function client(int $port): void
{
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', $port);
    foreach (range(1, 3) as $n) {
        $client->doBackground('import_catalogue', "catalogue-$n.xml");
        $client->doBackgroundAt('remind_customer', "customer $n", time() + 3600 * $n);
    }
    $client->doBackground('yearly_report', '2025');
    for ($n = 0; true; $n++) {
        $client->doBackground('send_mail', "mail $n");
        $wave = 1 + sin($n / 120);
        if (mt_rand(0, 99) < 45 * $wave) {
            $client->doBackground('resize_image', "picture $n.jpg");
        }
        if ($n % 60 === 5) {
            $client->doBackground('print_invoice', "invoice $n");
        }
        usleep(mt_rand(60_000, 140_000));
    }
}

function worker(int $port): void
{
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', $port);
    $worker->setId('shop-' . getmypid());
    $takes = fn (int $from, int $to) => function () use ($from, $to) {
        usleep(mt_rand($from, $to) * 1000);
        return 'done';
    };
    $worker->addFunction('send_mail', $takes(5, 30));
    $worker->addFunction('resize_image', $takes(50, 250));
    $worker->addFunction('remind_customer', $takes(5, 10));
    $worker->addFunction('print_invoice', fn () => throw new DomainException('Printer 2 is out of paper'));
    while (true) {
        try {
            $worker->work();
        } catch (DomainException) {
            // The server has it; the next job comes.
        }
    }
}

/** One that is busy for as long as anybody looks. */
function reporter(int $port): void
{
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', $port);
    $worker->setId('reports');
    $worker->addFunction('yearly_report', function (GearmanJob $job) {
        for ($month = 1; true; $month = min(11, $month + 1)) {
            $job->sendStatus($month, 12);
            sleep(60);
        }
    });
    $worker->work();
}

$part((int) $port);
