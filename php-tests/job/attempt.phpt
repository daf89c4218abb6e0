--TEST--
GearmanJob::attempt(): the first try, the next ones, servers that do not tell; a job that is not there
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';
require __DIR__ . '/../fake_server.inc';

show('no job', (new GearmanJob())->attempt(), gearman_job_attempt(new GearmanJob()));

echo "-- a worker dies in the first two\n";
$function = unique_function_name();
$client = client();
$client->doBackground($function, 'x');
for ($i = 1; $i <= 2; $i++) {
    $child = spawn(fn() => worker([$function => function (GearmanJob $job) {
        show('try', $job->attempt());
        posix_kill(getmypid(), SIGKILL);
    }])->work(), clean: false);
    wait_child($child);
    wait_until(fn() => function_status($function) === [1, 0, 0]);
}
$kept = null;
$worker = worker([$function => function (GearmanJob $job) use (&$kept) {
    $kept = $job;
    show('try', $job->attempt(), gearman_job_attempt($job), $job->isCancelled());
}]);
show('work', $worker->work());
show('kept', $kept->attempt(), $kept->isCancelled());
$client->doBackground($function, 'y');
show('another', $worker->work());
$grabbing = worker();
$grabbing->register($other = unique_function_name());
$client->doBackground($other, 'z');
$job = $grabbing->grabJob();
show('grabbed', $job->attempt(), $job->isCancelled(), $job->sendComplete('r'));

echo "-- what servers answer to the options\n";
$answers = [
    'yes' => fn($peer, $name) => $peer->res(27, $name),
    'unknown' => fn($peer, $name) => $peer->res(19, 'UNKNOWN_OPTION', 'what?'),
    'nothing' => fn() => null,
];
foreach ($answers as $what => $answer) {
    $server = fake_server(function (FakePeer $peer) use ($answer) {
        while ([$command, $body] = $peer->read()) {
            if ($command === 26) {
                $body === 'exceptions' ? $peer->res(27, $body) : $answer($peer, $body);
            } elseif ($command === 39) {
                $peer->send($body . FakePeer::packet(31, 'H:x:1', 'f', 'u', 'w'));
            } elseif ($command === 13) {
                return;
            }
        }
    });
    $worker = worker(['f' => fn(GearmanJob $job) => show($what, $job->attempt(), $job->isCancelled())], $server->port);
    show('work', $worker->work());
}
--EXPECT--
no job: 0, 0
-- a worker dies in the first two
try: 1
try: 2
try: 3, 3, false
work: true
kept: 0, false
try: 1, 1, false
another: true
grabbed: 1, false, true
-- what servers answer to the options
yes: 1, false
work: true
unknown: 0, false
work: true
nothing: 0, false
work: true
