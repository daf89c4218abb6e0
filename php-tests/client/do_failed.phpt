--TEST--
A job that fails or throws: '' and a return code, but no warning
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

$function = serve(fn(GearmanJob $job) => match ($job->workload()) {
    'sendFail' => $job->sendFail() ? 'lost' : '',
    'sendException' => $job->sendException('the text') ? 'lost' : '',
    'sendComplete' => $job->sendComplete('early') ? 'lost' : '',
    'WORK_FAIL' => $job->setReturn(GEARMAN_WORK_FAIL) ? 'lost' : '',
    'WORK_EXCEPTION' => $job->setReturn(GEARMAN_WORK_EXCEPTION) ? 'lost' : '',
    'TIMEOUT' => $job->setReturn(GEARMAN_TIMEOUT) ? 'lost' : '',
    'ERRNO' => $job->setReturn(GEARMAN_ERRNO) ? 'lost' : '',
    'SHUTDOWN' => $job->setReturn(GEARMAN_SHUTDOWN) ? 'kept' : '',
    'throw' => throw new DomainException('thrown'),
    'throw Error' => no_such_function(),
    'after data' => $job->sendData('data') && $job->sendFail() ? 'lost' : '',
    default => 'fine',
});
$client = client();
foreach (['sendFail', 'sendException', 'sendComplete', 'WORK_FAIL', 'WORK_EXCEPTION', 'TIMEOUT', 'ERRNO', 'SHUTDOWN', 'throw', 'throw Error', 'after data', 'else'] as $ending) {
    show($ending, $client->doNormal($function, $ending), code($client));
}
show('a failure has a text', $client->doHigh($function, 'sendFail'), code($client), (string) $client->error() !== '');
show('doLow', $client->doLow($function, 'throw'), code($client));
--EXPECT--
sendFail: '', WORK_FAIL
sendException: '', WORK_EXCEPTION
sendComplete: 'early', SUCCESS
WORK_FAIL: '', WORK_FAIL
WORK_EXCEPTION: '', WORK_FAIL
TIMEOUT: '', WORK_FAIL
ERRNO: '', WORK_FAIL
SHUTDOWN: 'kept', SUCCESS
throw: '', WORK_EXCEPTION
throw Error: '', WORK_EXCEPTION
after data: '', WORK_FAIL
else: 'fine', SUCCESS
a failure has a text: '', WORK_FAIL, true
doLow: '', WORK_EXCEPTION
