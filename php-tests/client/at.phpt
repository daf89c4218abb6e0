--TEST--
doBackgroundAt(), addTaskBackgroundAt(): a Unix time, a date, an interval; what is sent, when it runs, what is refused
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

/** What a client that this callable gets sends as the moment, by a fake server that takes all jobs. */
$log = tempnam(sys_get_temp_dir(), 'at');
$server = fake_server(function (FakePeer $peer) use ($log) {
    while ($packet = $peer->read()) {
        if ($packet[0] === 26) {
            $peer->res(27, $packet[1]);
        } else {
            file_put_contents($log, "$packet[0] " . strtr($packet[1], "\0", '|'));
            $peer->res(8, 'H:x:1');
        }
    }
});
$client = client($server->port);
$sent = fn() => file_get_contents($log);
$moment = fn() => (int) explode('|', $sent())[2];

show('a handle', $client->doBackgroundAt('f', 'w', 1_000_000_000_000, 'key'), code($client), $client->doJobHandle());
show('packet', $sent());
foreach ([
    'past' => 1, 'negative' => -5, 'smallest' => PHP_INT_MIN, 'largest' => PHP_INT_MAX, 'digits' => '86400',
    'date' => new DateTime('2001-09-09 01:46:40 UTC'), 'immutable' => new DateTimeImmutable('2001-09-09 03:46:40.9 +02:00'),
    'before 1970' => new DateTime('1969-01-01 UTC'),
] as $what => $when) {
    show($what, $client->doBackgroundAt('f', 'w', $when), $moment());
}
foreach (['PT0S', 'PT10S', 'P1D', 'PT10S back'] as $text) {
    $interval = new DateInterval(strtok($text, ' '));
    $interval->invert = (int) str_ends_with($text, 'back');
    $before = microtime(true);
    $client->doBackgroundAt('f', 'w', $interval);
    $after = microtime(true);
    [$least, $most] = [(new DateTime("@" . (int) $before))->add($interval), (new DateTime("@" . (int) $after))->add($interval)];
    // Never early; a day is 23 to 25 hours.
    $early = $text === 'P1D' ? 3600 : 0;
    $seconds = $moment();
    show($text, $seconds >= $least->getTimestamp() - $early && $seconds <= $most->getTimestamp() + 1 + $early,
        $text !== 'PT10S' || $seconds >= $before + 10);
}
do { // early in a second, so that a tenth of one ends in it
    $before = microtime(true);
} while (fmod($before, 1) > 0.5 && usleep(1000) === null);
$client->doBackgroundAt('f', 'w', DateInterval::createFromDateString('100 milliseconds'));
show('a tenth of a second', $moment() >= $before + 0.1);

echo "-- tasks\n";
$client->setCreatedCallback(fn(GearmanTask $task, $context) => show('created', $task->jobHandle(), $task->unique(), $context));
$task = $client->addTaskBackgroundAt('f', 42, 86400, 'context', 'key');
show('a task', $task, $task->functionName(), code($client));
show('runTasks', $client->runTasks(), $sent());
show('function', gearman_client_add_task_background_at($client, 'f', 'w', new DateTime('@7'), null, 'k'), gearman_client_run_tasks($client), $sent());
show('function', gearman_client_do_background_at($client, 'f', 'w', 8, 'k'), $sent());

echo "-- refused\n";
class Late extends DateTime
{
    public function getTimestamp(): int
    {
        throw new DomainException('never');
    }
}
class Half extends DateInterval
{
    public function __construct()
    {
    }
}
file_put_contents($log, 'nothing');
foreach ([null, true, 1.5, 'soon', [], new stdClass(), fn() => 1, new Late()] as $when) {
    show(get_debug_type($when), fn() => @$client->doBackgroundAt('f', 'w', $when));
}
try {
    $client->doBackgroundAt('f', 'w', new Half());
} catch (Error) { // of a kind of its own, with another text, since PHP 8.3
    echo "no interval: Error\n";
}
show('task', fn() => $client->addTaskBackgroundAt('f', 'w', 'soon'));
show('function', fn() => gearman_client_do_background_at($client, 'f', 'w', 'soon'));
tell('no workload', $client, fn() => $client->doBackgroundAt('f', '', 1));
tell('no function', $client, fn() => $client->addTaskBackgroundAt('', 'w', 1));
tell('long key', $client, fn() => $client->doBackgroundAt('f', 'w', 1, str_repeat('k', 65)));
tell('nobody', $alone = new GearmanClient(), fn() => $alone->doBackgroundAt('f', 'w', 1));
show('sent', in_array($sent(), ['nothing', '36 f|' . explode('|', $sent())[1] . '|1|w'], true));
unlink($log);

echo "-- the real server\n";
$function = unique_function_name();
$client = client();
$begun = microtime(true);
$client->doBackgroundAt($function, 'later', new DateInterval('PT1S'), 'key');
show('the same job', $client->doBackgroundAt($function, 'x', 1, 'key') === $client->doJobHandle());
show('known, not running', array_slice($client->jobStatus($client->doJobHandle()), 0, 2));
$client->doBackgroundAt($function, 'past', 1);
$worker = worker([$function => fn(GearmanJob $job) => show($job->workload(), microtime(true) - $begun >= ($job->workload() === 'later'))]);
$worker->work();
$worker->work();
--EXPECT--
a handle: a handle, SUCCESS, a handle
packet: '36 f|key|1000000000000|w'
past: a handle, 1
negative: a handle, 0
smallest: a handle, 0
largest: a handle, 9223372036854775807
digits: a handle, 86400
date: a handle, 1000000000
immutable: a handle, 1000000000
before 1970: a handle, 0
PT0S: true, true
PT10S: true, true
P1D: true, true
PT10S back: true, true
a tenth of a second: true
-- tasks
a task: a GearmanTask, 'f', SUCCESS
created: a handle, 'key', 'context'
runTasks: true, '36 f|key|86400|42'
created: a handle, 'k', null
function: a GearmanTask, true, '36 f|k|7|w'
function: a handle, '36 f|k|8|w'
-- refused
null: TypeError: GearmanClient::doBackgroundAt(): Argument #3 ($when) must be of type int|DateTimeInterface|DateInterval, null given
bool: a handle
float: a handle
string: TypeError: GearmanClient::doBackgroundAt(): Argument #3 ($when) must be of type int|DateTimeInterface|DateInterval, string given
array: TypeError: GearmanClient::doBackgroundAt(): Argument #3 ($when) must be of type int|DateTimeInterface|DateInterval, array given
stdClass: TypeError: GearmanClient::doBackgroundAt(): Argument #3 ($when) must be of type int|DateTimeInterface|DateInterval, stdClass given
Closure: TypeError: GearmanClient::doBackgroundAt(): Argument #3 ($when) must be of type int|DateTimeInterface|DateInterval, Closure given
Late: DomainException: never
no interval: Error
task: TypeError: GearmanClient::addTaskBackgroundAt(): Argument #3 ($when) must be of type int|DateTimeInterface|DateInterval, string given
function: TypeError: gearman_client_do_background_at(): Argument #4 ($when) must be of type int|DateTimeInterface|DateInterval, string given
no workload: "", warning of GearmanClient::doBackgroundAt(), INVALID_ARGUMENT
no function: false, warning of GearmanClient::addTaskBackgroundAt(), INVALID_ARGUMENT
long key: "", warning of GearmanClient::doBackgroundAt(), INVALID_ARGUMENT
nobody: "", warning of GearmanClient::doBackgroundAt(), NO_SERVERS
sent: true
-- the real server
the same job: true
known, not running: [true, false]
past: true
later: true
