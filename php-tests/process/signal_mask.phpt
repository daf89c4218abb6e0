--TEST--
No call leaves signals blocked, whatever its handlers did
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/signals.inc';

// Without async signals all are held back while handlers run; a handler that used a Gearman object once
// left the process deaf to every signal.
$blocked = fn () => preg_replace('/.*^SigBlk:\s+(\S+).*/ms', '$1', file_get_contents('/proc/' . getmypid() . '/status'));
$client = new GearmanClient();
$client->addServer(HOST, PORT);
foreach ([false, true] as $async) {
    pcntl_async_signals($async);
    foreach ([
        'nothing' => fn () => null,
        'use of an object' => fn () => $client->ping('x'),
        'a question' => fn () => $client->returnCode(),
        'another signal' => fn () => posix_kill(getmypid(), SIGUSR2),
        'an exception' => fn () => throw new DomainException('on purpose'),
        'use and an exception' => fn () => $client->ping('x') && throw new DomainException('on purpose'),
    ] as $what => $act) {
        $worker = new GearmanWorker();
        $worker->addServer(HOST, PORT);
        $worker->addFunction(unique_function_name(), fn () => '');
        $before = $blocked();
        $usr2 = 0;
        pcntl_signal(SIGUSR2, function () use (&$usr2) { $usr2++; });
        pcntl_signal(SIGUSR1, $act);
        $child = signal_when_asleep(SIGUSR1);
        try {
            $result = var_export($worker->work(), true);
        } catch (DomainException $e) {
            $result = $e->getMessage();
        }
        wait_child($child);
        $same = $blocked() === $before;
        posix_kill(getmypid(), SIGUSR2);
        pcntl_signal_dispatch();
        printf("%s %s: %s, %s, %s\n", $async ? 'async' : 'sync', $what, $result, $same ? 'as before' : 'blocked', $usr2 > 0 ? 'heard' : 'deaf');
    }
}
--EXPECT--
sync nothing: true, as before, heard
sync use of an object: true, as before, heard
sync a question: true, as before, heard
sync another signal: true, as before, heard
sync an exception: on purpose, as before, heard
sync use and an exception: on purpose, as before, heard
async nothing: true, as before, heard
async use of an object: true, as before, heard
async a question: true, as before, heard
async another signal: true, as before, heard
async an exception: on purpose, as before, heard
async use and an exception: on purpose, as before, heard
