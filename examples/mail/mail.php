<?php

/** Mails as jobs: now, later, cancelled. */

const USAGE = <<<'TEXT'
    usage: php mail.php [--servers=LIST] COMMAND

      send [--in=PT15M | --at='tomorrow 9:00'] [--key=KEY] TO SUBJECT TEXT    prints the job's handle
      newsletter SUBJECT TEXT TO...                                           prints the job's handle
      status HANDLE                                                           how far it is
      result HANDLE                                                           where the server keeps results
      cancel HANDLE                                                           queued, delayed or running

    TEXT;

function fail(string $text): never
{
    fwrite(STDERR, "$text\n");
    exit(1);
}

/** Takes --name=value words out of the front. */
function options(array &$words, string ...$names): array
{
    $options = [];
    while (preg_match('/^--([a-z]+)=(.*)$/s', $words[0] ?? '', $match) && in_array($match[1], $names, true)) {
        $options[$match[1]] = $match[2];
        array_shift($words);
    }
    return $options;
}

function moment(array $options): int|DateTimeInterface|DateInterval
{
    return match (true) {
        isset($options['in']) => new DateInterval($options['in']),
        isset($options['at']) => new DateTimeImmutable($options['at']),
        default => time(),
    };
}

/** Queues a job; mails with one key are one mail, as long as it is not sent. */
function queue(GearmanClient $client, string $function, array $mail, array $options = []): string
{
    $workload = json_encode($mail, JSON_THROW_ON_ERROR);
    $handle = @$client->doBackgroundAt($function, $workload, moment($options), $options['key'] ?? null);
    return $client->returnCode() === GEARMAN_SUCCESS ? $handle : fail("not queued: {$client->error()}");
}

function status(GearmanClient $client, string $handle): string
{
    $job = @$client->jobInfo($handle);
    if ($job !== false) {
        return $job['state'] . (($job['tries'] ?? 0) > 0 ? ", tried $job[tries] times" : '');
    }
    // A server that knows no more than C's.
    [$known, $running, $sent, $of] = @$client->jobStatus($handle);
    return match (true) {
        $client->returnCode() !== GEARMAN_SUCCESS => fail($client->error()),
        !$known => 'not there (any more)',
        $running => "running, $sent of $of",
        default => 'waits',
    };
}

$words = array_slice($argv, 1);
$servers = options($words, 'servers')['servers'] ?? '127.0.0.1:4730';
$command = array_shift($words);
$options = $command === 'send' ? options($words, 'in', 'at', 'key') : [];

$client = new GearmanClient();
$client->setTimeout(10_000);
try {
    $client->addServers($servers);
    echo match (true) {
        $command === 'send' && count($words) === 3 => queue($client, 'mail', array_combine(['to', 'subject', 'text'], $words), $options),
        $command === 'newsletter' && count($words) >= 3 =>
            queue($client, 'newsletter', ['subject' => $words[0], 'text' => $words[1], 'to' => array_slice($words, 2)]),
        $command === 'status' && count($words) === 1 => status($client, $words[0]),
        $command === 'result' && count($words) === 1 =>
            is_string($result = @$client->jobResult($words[0])) ? $result : fail($client->error()),
        $command === 'cancel' && count($words) === 1 => @$client->cancelJob($words[0]) ? 'cancelled' : fail($client->error()),
        default => fail(USAGE),
    }, "\n";
} catch (Exception $e) {
    fail($e->getMessage()); // no such moment, no such server
}
