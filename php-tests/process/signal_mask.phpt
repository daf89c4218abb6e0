--TEST--
No call leaves signals blocked, whatever its handlers did
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/signals.inc';

$blocked = fn () => preg_replace('/.*^SigBlk:\s+(\S+).*/ms', '$1', file_get_contents('/proc/' . getmypid() . '/status'));
$free = $blocked();
[$server, $tell] = silent_server();
$client = new GearmanClient();
$client->addServer(HOST, PORT);
$worker = new GearmanWorker();
$worker->addServer(HOST, PORT);
$worker->addFunction(unique_function_name(), fn () => '');
foreach ([false, true] as $async) {
    pcntl_async_signals($async);
    foreach ([
        'nothing' => fn () => null,
        'use of an object' => fn () => $client->ping('x'),
        'a question' => fn () => $client->returnCode(),
        'a wait' => fn () => $worker->setTimeout(20)  && !$worker->work() && $worker->setTimeout(-1),
        'an exception' => fn () => throw new DomainException('on purpose'),
        'use and an exception' => fn () => $client->ping('x') && throw new DomainException('on purpose'),
        'another signal' => fn () => posix_kill(getmypid(), SIGUSR2),
        'a fiber' => function () use ($client) {
            $fiber = new Fiber(fn () => Fiber::suspend($client->ping('x')) || $client->ping('y'));
            $fiber->start();
            $fiber->resume();
        },
    ] as $what => $act) {
        $waiting = new GearmanClient();
        $waiting->addServer(HOST, $server->port, false);
        $usr2 = 0;
        pcntl_signal(SIGUSR2, function () use (&$usr2) {
            $usr2++;
        });
        pcntl_signal(SIGUSR1, function () use ($act, $tell) {
            try {
                $act();
            } finally {
                fwrite($tell, "\n");
            }
        });
        $child = signal_when_asleep(SIGUSR1);
        [$result] = heard(fn () => $waiting->ping('x'));
        wait_child($child);
        $mask = $blocked();
        posix_kill(getmypid(), SIGUSR2);
        pcntl_signal_dispatch();
        printf(
            "%s %-20s %s, %s, %d\n",
            $async ? 'async' : 'sync ',
            $what,
            is_object($result) ? get_class($result) : json_encode($result),
            $mask === $free ? 'as before' : "blocked: $mask",
            $usr2,
        );
        pcntl_sigprocmask(SIG_SETMASK, []);
        pcntl_signal(SIGUSR1, SIG_DFL);
        unset($waiting);
    }
}

// What the program itself blocked stays so.
pcntl_async_signals(false);
pcntl_sigprocmask(SIG_BLOCK, [SIGUSR2]);
$mask = $blocked();
pcntl_signal(SIGUSR1, fn () => $client->ping('x') && fwrite($tell, "\n"));
$waiting = new GearmanClient();
$waiting->addServer(HOST, $server->port, false);
$child = signal_when_asleep(SIGUSR1);
$usr2 = 0;
posix_kill(getmypid(), SIGUSR2);
var_dump($waiting->ping('x'), $mask === $blocked(), $usr2);
pcntl_sigprocmask(SIG_SETMASK, []);
pcntl_signal_dispatch();
var_dump($usr2);
?>
--EXPECT--
sync  nothing              true, as before, 1
sync  use of an object     true, as before, 1
sync  a question           true, as before, 1
sync  a wait               true, as before, 1
sync  an exception         DomainException, as before, 1
sync  use and an exception DomainException, as before, 1
sync  another signal       true, as before, 2
sync  a fiber              true, as before, 1
async nothing              true, as before, 1
async use of an object     true, as before, 1
async a question           true, as before, 1
async a wait               true, as before, 1
async an exception         DomainException, as before, 1
async use and an exception DomainException, as before, 1
async another signal       true, as before, 2
async a fiber              true, as before, 1
bool(true)
bool(true)
int(0)
int(1)
