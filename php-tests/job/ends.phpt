--TEST--
All ways a job ends: what work() and its return code say, and what the client hears
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../api.inc';

$f = unique_function_name();
$stringable = fn($text) => new class($text) { function __construct(public $t) {} function __toString(): string { return $this->t; } };
$ends = [
    'string' => fn() => "text\0x",
    'null' => fn() => null,
    'nothing' => function () {},
    'false' => fn() => false,
    'true' => fn() => true,
    'int' => fn() => -42,
    'float' => fn() => 0.1,
    '1e100' => fn() => 1e100,
    'stringable' => fn() => $stringable('stringable'),
    'array' => fn() => [1, 2],
    'object' => fn() => new stdClass(),
    'toString throws' => fn() => new class { function __toString(): string { throw new LogicException('no string'); } },
    'sendComplete' => function ($job) { $job->sendComplete('sent'); return 'dropped'; },
    'sendComplete, throw' => function ($job) { $job->sendComplete('sent'); throw new LogicException('late'); },
    'sendFail' => function ($job) { $job->sendFail(); return 'dropped'; },
    'sendException' => function ($job) { $job->sendException('sent'); return 'dropped'; },
    'sendException(\'\')' => function ($job) { $job->sendException(''); return 'dropped'; },
    'twice' => fn($job) => json_encode([$job->sendFail(), $job->sendComplete('x'), $job->sendException('x'), $job->sendFail()]),
    'throw' => fn() => throw new DomainException('thrown'),
    'throw Error' => fn() => undefined_function(),
    'throw empty' => fn() => throw new RuntimeException(''),
    'throw bytes' => fn() => throw new RuntimeException("a\xffb"),
    'data, throw' => function ($job) { $job->sendData('data'); throw new DomainException('thrown'); },
];
foreach (['SUCCESS', 'WORK_FAIL', 'WORK_EXCEPTION', 'TIMEOUT', 'NO_JOBS', 'IO_WAIT', 'LOST_CONNECTION', 'MAX_RETURN', 'SHUTDOWN'] as $name) {
    $ends["setReturn $name"] = fn($job) => $job->setReturn(constant("GEARMAN_$name")) ? 'result' : 'refused';
}
$ends['setReturn 54'] = fn($job) => json_encode([$job->setReturn(54), $job->setReturn(-1), $job->returnCode()]);

// The client in a child writes what it heard; two processes, one line.
$worker = worker();
foreach ($ends as $name => $end) {
    $worker->addFunction($f, $end);
    [$here, $there] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    $asks = spawn(function () use ($f, $there) {
        $client = client();
        $client->setTimeout(10000);
        foreach (['Data', 'Complete', 'Fail', 'Exception'] as $event) {
            $client->{"set{$event}Callback"}(function ($task) use ($event, $there) {
                fwrite($there, " $event " . json_encode($task->data(), JSON_INVALID_UTF8_SUBSTITUTE));
            });
        }
        $client->addTask($f, 'x');
        $client->runTasks() || fwrite($there, ' ' . code_of($client->returnCode()));
        fwrite($there, "\n");
    });
    tell($name, $worker, fn() => $worker->work());
    echo '   ', fgets($here);
    wait_child($asks);
}
--EXPECT--
string: true, SUCCESS
    Complete "text\u0000x"
null: true, SUCCESS
    Complete ""
nothing: true, SUCCESS
    Complete ""
false: true, SUCCESS
    Complete ""
true: true, SUCCESS
    Complete "1"
int: true, SUCCESS
    Complete "-42"
float: true, SUCCESS
    Complete "0.1"
1e100: true, SUCCESS
    Complete "1.0E+100"
stringable: true, SUCCESS
    Complete "stringable"
array: true, warning of Array to string conversion, SUCCESS
    Complete "Array"
object: Error: Object of class stdClass could not be converted to string, WORK_EXCEPTION
    Exception "Error: Object of class stdClass could not be converted to string"
toString throws: LogicException: no string, WORK_EXCEPTION
    Exception "LogicException: no string"
sendComplete: true, SUCCESS
    Complete "sent"
sendComplete, throw: LogicException: late, WORK_EXCEPTION
    Complete "sent"
sendFail: true, SUCCESS
    Fail ""
sendException: true, SUCCESS
    Exception "sent"
sendException(''): false, warning of GearmanJob::sendException(), warning of GearmanWorker::work(), INVALID_ARGUMENT
    Fail ""
twice: true, SUCCESS
    Fail ""
throw: DomainException: thrown, WORK_EXCEPTION
    Exception "DomainException: thrown"
throw Error: Error: Call to undefined function undefined_function(), WORK_EXCEPTION
    Exception "Error: Call to undefined function undefined_function()"
throw empty: RuntimeException: , WORK_EXCEPTION
    Exception "RuntimeException: "
throw bytes: RuntimeException: aÿb, WORK_EXCEPTION
    Exception "RuntimeException: a\ufffdb"
data, throw: DomainException: thrown, WORK_EXCEPTION
    Data "data" Exception "DomainException: thrown"
setReturn SUCCESS: true, SUCCESS
    Complete "result"
setReturn WORK_FAIL: false, WORK_FAIL
    Fail ""
setReturn WORK_EXCEPTION: false, WORK_EXCEPTION
    Fail ""
setReturn TIMEOUT: false, TIMEOUT
    Fail ""
setReturn NO_JOBS: false, NO_JOBS
    Fail ""
setReturn IO_WAIT: false, IO_WAIT
    Fail ""
setReturn LOST_CONNECTION: false, warning of GearmanWorker::work(), LOST_CONNECTION
    Fail ""
setReturn MAX_RETURN: false, warning of GearmanWorker::work(), MAX_RETURN
    Fail ""
setReturn SHUTDOWN: false, warning of GearmanWorker::work(), SHUTDOWN
    Complete "result"
setReturn 54: true, warning of GearmanJob::setReturn(), warning of GearmanJob::setReturn(), SUCCESS
    Complete "[false,false,0]"
