--TEST--
Which of several servers is passed over after setTimeout(), which is not, and what goes on meanwhile
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/loop.inc';
require __DIR__ . '/../fake_server.inc';

set_error_handler(fn() => true);

/** A client with a timeout of two seconds, and callbacks that list how its tasks end. */
function impatient(array &$ends, int ...$ports): GearmanClient
{
    $client = loop_client(...$ports);
    $client->setTimeout(2000);
    $client->setCompleteCallback(function (GearmanTask $task) use (&$ends) { $ends[] = $task->data(); });
    $client->setFailCallback(function (GearmanTask $task) use (&$ends) { $ends[] = code_of($task->returnCode()); });
    return $client;
}

$ends = [];
$f = unique_function_name();
$worker = loop_worker([$f => fn(GearmanJob $job) => strrev(substr($job->workload(), -5))]);
$far = client();
/** Takes what is sent, and says nothing. */
$silent = fake_server(fn(FakePeer $peer) => $peer->wait());

// A question was put to the first server again and again, though another might know.
$handle = $far->doBackground(unique_function_name(), 'x');
$knows = fn(GearmanClient $client, string $method) => (bool) (array_values((array) $client->$method($handle))[0] ?? false);
foreach (['jobStatus', 'jobInfo'] as $method) {
    $client = impatient($ends, $silent->port, PORT);
    show($method, $knows($client, $method), code($client));
    show('then', $knows($client, $method), code($client));
}

// What connects to all servers brought the one that hangs back, and jobs with it.
$client = impatient($ends, $silent->port, PORT);
show('doBackground', $client->doBackground($f, 'x'), code($client));
$third = start_gearmand();
$client->addServer(HOST, $third->port);
show('with one more server', $client->doBackground($f, 'x'), code($client));

// What fills the way to a server that hangs kept a call's own request from it, which was never found out.
$client = impatient($ends, $silent->port, PORT);
for ($i = 0; $i < 8; $i++) {
    $client->addTaskBackground($f, str_repeat('x', 1 << 20));
}
show('runTasks', $client->runTasks(), code($client));
show('doBackground', $client->doBackground($f, 'x'), code($client));
show('then', $client->doBackground($f, 'x'), code($client));
show('runTasks', $client->runTasks(), code($client));

// A server that a connection has only just been made to does not hang: the loop was busy with something else for so long.
$client = impatient($ends, PORT, $third->port);
$client->addTask($f, 'first');
$client->poll();
usleep(2_200_000);
$client->poll();
$client->addTask($f, 'second');
loop([$client, $worker], function () use (&$ends) { return in_array('second', $ends) || in_array('dnoce', $ends) || count($ends) > 3; });
show('a loop that was busy', ...$ends);
$ends = [];

// Those that wait for room on the way to a server that hangs go to another.
$deaf = fake_server(fn() => sleep(90));
$client = impatient($ends, $deaf->port, PORT);
$client->addTask($f, str_repeat('x', 32 << 20));
settle([$client]);
usleep(1_000_000);
$client->poll();
$client->addTask($f, 'later');
loop([$client, $worker], function () use (&$ends) { return count($ends) === 2; });
show('behind a large one', ...$ends);
$ends = [];

// One that hangs is found out by its own silence, however much others say.
$chatty = fake_server(function (FakePeer $peer) {
    $peer->until(GEARMAN_COMMAND_SUBMIT_JOB);
    $peer->res(GEARMAN_COMMAND_JOB_CREATED, 'H:1');
    while (true) {
        [$read, $none] = [[$peer->stream()], []];
        if (@stream_select($read, $none, $none, 0, 100_000)) {
            $peer->read() || exit;
            $peer->res(GEARMAN_COMMAND_STATUS_RES, 'H:2', '0', '0', '0', '0');
        }
        $peer->res(GEARMAN_COMMAND_WORK_STATUS, 'H:1', '1', '2');
    }
});
$client = impatient($ends, $silent->port, $chatty->port);
$client->addTask($f, 'nobody says anything');
loop([$client], function () use (&$ends) { return $ends; });
$client->addTask($f, 'it talks');
$client->addTaskStatus('H:2');
loop([$client], function () use (&$ends) { return count($ends) === 2; }, 20);
show('beside one that talks', ...$ends);
?>
--EXPECT--
jobStatus: false, TIMEOUT
then: true, SUCCESS
jobInfo: false, TIMEOUT
then: true, SUCCESS
doBackground: '', TIMEOUT
with one more server: a handle, SUCCESS
runTasks: false, TIMEOUT
doBackground: '', TIMEOUT
then: a handle, SUCCESS
runTasks: false, LOST_CONNECTION
a loop that was busy: 'TIMEOUT', 'dnoce'
behind a large one: 'TIMEOUT', 'retal'
beside one that talks: 'TIMEOUT', 'LOST_CONNECTION'
