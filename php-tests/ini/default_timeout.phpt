--TEST--
gearman.default_timeout: a new client gives up a job that nobody takes; a page waited until its web server ended it
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

show('default', (new GearmanClient())->timeout(), (new GearmanWorker())->timeout());
$before = client();
ini_set('gearman.default_timeout', '50');
foreach (['new' => new GearmanClient(), 'by function' => gearman_client_create(), 'a class of its own' => new class extends GearmanClient {
    public function __construct()
    {
    }
}] as $what => $client) {
    $client->addServer(HOST, PORT);
    show($what, $client->timeout(), @$client->doNormal(unique_function_name(), 'x'), code($client));
}
show('read when an object is made', $before->timeout(), (new GearmanWorker())->timeout());

// Taken back, the same job is waited for, however long it takes.
$function = serve(function (GearmanJob $job) {
    usleep(200000);
    return strrev($job->workload());
});
$client->setTimeout(-1);
show('setTimeout(-1)', $client->timeout(), $client->doNormal($function, 'abc'), code($client));
?>
--EXPECT--
default: -1, -1
new: 50, '', TIMEOUT
by function: 50, '', TIMEOUT
a class of its own: 50, '', TIMEOUT
read when an object is made: -1, -1
setTimeout(-1): -1, 'cba', SUCCESS
