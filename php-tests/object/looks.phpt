--TEST--
How objects look: var_dump, print_r, var_export, json_encode, (array), ==, foreach
--FILE--
<?php
require __DIR__ . '/../api.inc';

foreach ([GearmanClient::class, GearmanWorker::class, GearmanJob::class, GearmanTask::class] as $class) {
    $object = new $class();
    echo preg_replace('/#\d+/', '#N', print_r($object, true));
    var_dump((array) $object === [], json_encode($object), $object == new $class(), $object === new $class(), (bool) $object);
    foreach ($object as $name => $value) {
        echo "$name\n";
    }
    show('as text', fn() => (string) $object);
}
ob_start();
var_dump(new GearmanClient());
echo preg_replace('/#\d+/', '#N', ob_get_clean());
var_export(new GearmanWorker());
--EXPECT--
GearmanClient Object
(
)
bool(true)
string(2) "{}"
bool(true)
bool(false)
bool(true)
as text: Error: Object of class GearmanClient could not be converted to string
GearmanWorker Object
(
)
bool(true)
string(2) "{}"
bool(true)
bool(false)
bool(true)
as text: Error: Object of class GearmanWorker could not be converted to string
GearmanJob Object
(
)
bool(true)
string(2) "{}"
bool(true)
bool(false)
bool(true)
as text: Error: Object of class GearmanJob could not be converted to string
GearmanTask Object
(
)
bool(true)
string(2) "{}"
bool(true)
bool(false)
bool(true)
as text: Error: Object of class GearmanTask could not be converted to string
object(GearmanClient)#N (0) {
}
\GearmanWorker::__set_state(array(
))
