--TEST--
A worker survives the restart of its server, while idle and while a job runs: functions and id are announced again
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$server = start_gearmand();
$port = $server->port;
$a = unique_function_name('a');
$b = unique_function_name('b');
[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$child = spawn(function () use ($a, $b, $port, $theirs) {
    $worker = new GearmanWorker();
    $worker->addServer(HOST, $port);
    $worker->setId('the-id');
    $worker->addFunction($a, fn ($job) => strrev($job->workload()));
    $worker->addFunction($b, function ($job) use ($theirs) {
        fwrite($theirs, "began\n");
        fgets($theirs); // the test lets it go on
        $sent = @$job->sendStatus(1, 2);
        fwrite($theirs, 'sendStatus() ' . var_export($sent, true) . "\n");
        return 'b';
    }, null, 60);
    set_error_handler(fn ($level, $text) => fwrite($theirs, preg_replace('/:\d+:/', ':PORT:', $text) . "\n"));
    while (true) {
        $worked = $worker->work();
        fwrite($theirs, 'work() ' . var_export($worked, true) . " {$worker->returnCode()}\n");
    }
});
$known = fn () => preg_match("/ the-id : ((?:$a|$b)(?: (?:$a|$b))?)$/m", @admin('workers', $port), $match) && str_contains($match[1], $a) && str_contains($match[1], $b);
$ask = function (string $text) use ($a, $port) {
    $client = new GearmanClient();
    $client->addServer(HOST, $port);
    $client->setTimeout(10000);
    return $client->doNormal($a, $text);
};
wait_until($known, 10, 'the worker');
echo $ask('first'), "\n", fgets($ours);

foreach ([SIGTERM, SIGKILL] as $signal) {
    $server->stop($signal);
    $server = start_gearmand([], $port);
    wait_until($known, 10, 'the worker to come back');
    echo "restarted while idle: ", $ask('again'), "\n";
    // The first failure to connect may be told before that.
    do {
        $line = fgets($ours);
    } while (str_contains($line, 'could not connect') || str_contains($line, 'false 26'));
    echo $line;
}

$client = new GearmanClient();
$client->addServer(HOST, $port);
$client->doBackground($b, 'x');
echo fgets($ours);
$server->stop(SIGKILL);
$server = start_gearmand([], $port);
fwrite($ours, "\n");
// The first of them may get into a socket whose other end is gone; the job's end is told to nobody, and work() says so.
echo fgets($ours), fgets($ours), fgets($ours);
wait_until($known, 10, 'the worker to come back');
echo "restarted while it worked: ", $ask('once more'), "\n", fgets($ours);
stop_child($child, SIGKILL);
?>
--EXPECTF--
tsrif
work() true 0
restarted while idle: niaga
work() true 0
restarted while idle: niaga
work() true 0
began
sendStatus() %s
GearmanWorker::work(): lost connection to 127.0.0.1:PORT: %s
work() false 14
restarted while it worked: erom ecno
work() true 0
