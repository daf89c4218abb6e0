--TEST--
A worker function that forks: whatever the child does, the job is its parent's
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../connect.inc';
require __DIR__ . '/../fake_server.inc';
ini_set('log_errors', '0');

/**
 * A job whose function forks. The child does $act, the parent waits for its end and returns its own result; then it
 * runs a second job without a fork, on the same connection.
 */
function forked(callable $act): void
{
    global $client;
    $function = unique_function_name();
    [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    $child = spawn(function () use ($function, $act, $theirs) {
        ini_set('display_errors', '0');
        $worker = new GearmanWorker();
        $worker->addServer(HOST, PORT);
        $top = getmypid();
        $worker->addFunction($function, function (GearmanJob $job) use ($act, $worker, $theirs) {
            if ($job->workload() === 'no fork') {
                return 'second';
            }
            $child = pcntl_fork();
            if ($child === 0) {
                pcntl_alarm(60);
                [$result, $warnings] = heard(fn () => $act($job, $worker));
                foreach ($warnings as $warning) {
                    fwrite($theirs, "  $warning\n");
                }
                return $result instanceof Exception ? throw $result : $result;
            }
            fwrite($theirs, '  child ended with ' . wait_child($child) . "\n");
            $job->sendData('data, ');
            return 'result of the parent';
        });
        try {
            $worked = $worker->work();
        } catch (DomainException $e) {
            $worked = $e->getMessage();
        }
        if (getmypid() !== $top) {
            fwrite($theirs, '  work() in the child: ' . var_export($worked, true) . "\n");
            exit(4);
        }
        fwrite($theirs, '  work(): ' . var_export($worked, true) . ', again: ' . var_export($worker->work(), true) . "\n");
    });
    echo "  {$client->doNormal($function, 'fork')}\n  {$client->doNormal($function, 'no fork')}\n";
    wait_child($child);
    fclose($theirs);
    echo stream_get_contents($ours);
}

$client = new GearmanClient();
$client->addServer(HOST, PORT);
$client->setTimeout(10000);
foreach ([
    'returns' => fn ($job) => 'result of the child',
    'exit(3)' => fn ($job) => exit(3),
    'throws' => fn ($job) => throw new DomainException('the child threw'),
    'fatal error' => fn ($job) => @trigger_error('on purpose', E_USER_ERROR) && eval('abstract class A { abstract function f() {} }'),
    'SIGKILL' => fn ($job) => posix_kill(getmypid(), SIGKILL),
    'sends' => function ($job) {
        $sent = [
            $job->sendData('child data'), $job->sendWarning('child warning'), $job->sendStatus(1, 2),
            $job->sendComplete('child result'), $job->sendFail(), $job->sendException('child exception'),
        ];
        return count(array_filter($sent)) . ' sent';
    },
    'looks' => fn ($job) => exit($job->workload() === 'fork' && $job->handle() && $job->returnCode() === 0 ? 8 : 9),
    'works itself' => function ($job, $worker) use ($client) {
        $mine = unique_function_name();
        $worker->unregisterAll();
        $worker->addFunction($mine, fn () => 'x');
        $client->doBackground($mine, 'x');
        exit($worker->work() ? 10 : 11);
    },
] as $what => $act) {
    echo "child $what:\n";
    forked($act);
}
?>
--EXPECT--
child returns:
  data, result of the parent
  second
  work() in the child: true
  child ended with 4
  work(): true, again: true
child exit(3):
  data, result of the parent
  second
  child ended with 3
  work(): true, again: true
child throws:
  data, result of the parent
  second
  work() in the child: 'the child threw'
  child ended with 4
  work(): true, again: true
child fatal error:
  data, result of the parent
  second
  child ended with 255
  work(): true, again: true
child SIGKILL:
  data, result of the parent
  second
  child ended with -9
  work(): true, again: true
child sends:
  data, result of the parent
  second
  GearmanJob::sendData(): the job cannot be answered: it was given to the process that forked this one
  GearmanJob::sendWarning(): the job cannot be answered: it was given to the process that forked this one
  GearmanJob::sendStatus(): the job cannot be answered: it was given to the process that forked this one
  GearmanJob::sendComplete(): the job cannot be answered: it was given to the process that forked this one
  GearmanJob::sendFail(): the job cannot be answered: it was given to the process that forked this one
  GearmanJob::sendException(): the job cannot be answered: it was given to the process that forked this one
  work() in the child: false
  child ended with 4
  work(): true, again: true
child looks:
  data, result of the parent
  second
  child ended with 8
  work(): true, again: true
child works itself:
  data, result of the parent
  second
  child ended with 10
  work(): true, again: true
