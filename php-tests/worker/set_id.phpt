--TEST--
setId(): the name in the list of workers
--FILE--
<?php
require __DIR__ . '/../api.inc';

$listed = fn(string $id) => (bool) preg_match('/ ' . preg_quote($id, '/') . ' :/', admin('workers'));
$worker = worker([unique_function_name() => fn() => '']);
$id = unique_function_name('worker-7:');
show('setId', $worker->setId($id), code($worker), $worker->ping('x'), $listed($id));
show('another', $worker->setId("$id.b"), $worker->ping('x'), $listed("$id.b"), $listed($id));
$early = new GearmanWorker();
show('before there is a server', $early->setId("$id-early"), $early->addServer(HOST, PORT));
$early->setTimeout(10);
$early->addFunction(unique_function_name(), fn() => '');
show('work', $early->work(), $early->setTimeout(10000), $early->ping('x'), $listed("$id-early"));
foreach (['empty' => '', 'blank' => 'two words', 'line end' => "a\nb", 'control' => "a\x01", '255 bytes' => str_repeat('i', 255), '1000 bytes' => str_repeat('i', 1000)] as $what => $bad) {
    show($what, $worker->setId($bad), $listed("$id.b"));
}
show('254 bytes', $worker->setId(str_pad($id, 254, '.')), $worker->ping('x'));
show('int', $worker->setId(17));
show('function', gearman_worker_set_id($worker, "$id-f"), $worker->ping('x'), $listed("$id-f"));
--EXPECT--
setId: true, SUCCESS, true, true
another: true, true, true, false
before there is a server: true, true
work: false, true, true, true
empty: false, true
blank: false, true
line end: false, true
control: false, true
255 bytes: false, true
1000 bytes: false, true
254 bytes: true, true
int: true
function: true, true, true
