--TEST--
Warnings name the method and say what failed; they can be silenced, looked up and made exceptions
--FILE--
<?php
require __DIR__ . '/../api.inc';

$client = client();
$worker = worker();
restore_error_handler();
error_clear_last();
show('silenced', @$client->doNormal('', 'x'), code($client));
show('error_get_last', error_get_last()['type'] === E_WARNING, (bool) preg_match('/^GearmanClient::doNormal\(\): \S/', error_get_last()['message']));
show('error() has the same text', str_ends_with($client->error(), substr(error_get_last()['message'], strlen('GearmanClient::doNormal(): '))));

set_error_handler(function (int $level, string $text) {
    throw new ErrorException($text, 0, $level);
});
foreach ([
    'GearmanClient::doNormal' => fn() => $client->doNormal('', 'x'),
    'GearmanClient::doLowBackground' => fn() => $client->doLowBackground('f', ''),
    'GearmanClient::addTask' => fn() => $client->addTask('f', ''),
    'GearmanClient::ping' => fn() => $client->ping(''),
    'GearmanWorker::work' => fn() => $worker->work(),
    'GearmanWorker::addFunction' => fn() => $worker->addFunction('f', 'no_such_function'),
    'GearmanJob::setReturn' => fn() => (new GearmanJob())->setReturn(-1),
    'gearman_client_do_low' => fn() => gearman_client_do_low($client, '', 'x'),
    'gearman_worker_unregister' => fn() => gearman_worker_unregister($worker, 'nope'),
    'gearman_verbose_name' => fn() => gearman_verbose_name(-1),
] as $name => $call) {
    try {
        $call();
        echo "$name: no warning\n";
    } catch (ErrorException $e) {
        show($name, $e->getSeverity() === E_WARNING, (bool) preg_match("/^$name\\(\\): \\S/", $e->getMessage()));
    }
}
show('usable afterwards', $client->doBackground(unique_function_name(), 'x'), code($client), $client->error());
--EXPECT--
silenced: '', INVALID_ARGUMENT
error_get_last: true, true
error() has the same text: true
GearmanClient::doNormal: true, true
GearmanClient::doLowBackground: true, true
GearmanClient::addTask: true, true
GearmanClient::ping: true, true
GearmanWorker::work: true, true
GearmanWorker::addFunction: true, true
GearmanJob::setReturn: true, true
gearman_client_do_low: true, true
gearman_worker_unregister: true, true
gearman_verbose_name: true, true
usable afterwards: a handle, SUCCESS, false
