<?php

/**
 * Sends mails, one job each, and whole newsletters. Run as many of these as mails should be sent at once.
 *
 *     SENDMAIL='/usr/sbin/sendmail -t -i' php examples/mail/worker.php [SERVERS]
 *
 * A mail that cannot be sent throws: then the server has it tried again, so often and with such pauses as policies.toml
 * says, and keeps it as a dead letter in the end.
 */

$sendmail = getenv('SENDMAIL') ?: '/usr/sbin/sendmail -t -i';

/** Hands one mail to sendmail. Its id is the job's key: whoever gets it twice, after a crash, can tell. */
function send(string $sendmail, array $mail, string $id): void
{
    $headers = ['To' => $mail['to'], 'Subject' => $mail['subject'], 'Message-ID' => "<$id@mail.example>"];
    $message = '';
    foreach ($headers as $name => $value) {
        // No line of its own for who writes a line end into a subject.
        $message .= "$name: " . preg_replace('/[\r\n]+/', ' ', $value) . "\n";
    }
    $process = proc_open($sendmail, [['pipe', 'r'], STDERR, STDERR], $pipes);
    fwrite($pipes[0], "$message\n$mail[text]\n");
    fclose($pipes[0]);
    $code = proc_close($process);
    if ($code !== 0) {
        throw new RuntimeException("sendmail ended with $code");
    }
}

function decode(GearmanJob $job): array
{
    return json_decode($job->workload(), true, flags: JSON_THROW_ON_ERROR);
}

$worker = new GearmanWorker();
$worker->addServers($argv[1] ?? '127.0.0.1:4730');

$worker->addFunction('mail', function (GearmanJob $job) use ($sendmail) {
    $mail = decode($job);
    send($sendmail, $mail, $job->unique());
    $try = $job->attempt() > 1 ? ", try {$job->attempt()}" : '';
    fwrite(STDERR, "sent to $mail[to]$try\n");
    return 'sent ' . date('c');
});

$worker->addFunction('newsletter', function (GearmanJob $job) use ($sendmail) {
    $letter = decode($job);
    $sent = 0;
    foreach ($letter['to'] as $n => $to) {
        if ($job->isCancelled()) {
            fwrite(STDERR, "cancelled after $sent\n");
            return null; // nobody gets to see it
        }
        send($sendmail, ['to' => $to] + $letter, "{$job->unique()}.$n");
        $job->sendStatus(++$sent, count($letter['to']));
    }
    return "sent $sent";
});

$stop = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop) { $stop = true; });
pcntl_signal(SIGINT, function () use (&$stop) { $stop = true; });
while (!$stop) {
    try {
        if (!@$worker->work() && $worker->returnCode() !== GEARMAN_SUCCESS) {
            fwrite(STDERR, "{$worker->error()}\n");
        }
    } catch (Throwable $e) {
        fwrite(STDERR, get_class($e) . ": {$e->getMessage()}\n"); // the server has been told
    }
}
