--TEST--
setSSL(), the option that switches it, and their procedural twins; without a server
--FILE--
<?php
require __DIR__ . '/../api.inc';

foreach ([['GearmanClient', 256, 'gearman_client'], ['GearmanWorker', 1024, 'gearman_worker']] as [$class, $bit, $function]) {
    $object = new $class();
    $on = fn () => (bool) ($object->options() & $bit);
    show($class, $on());
    show('()', $object->setSSL(), $on());
    show('(false)', $object->setSSL(false), $on());
    show('(true, null, null, null)', $object->setSSL(true, null, null, null), $on());
    show('files that are not there', $object->setSSL(true, '/tmp/ca.pem', '/tmp/cert.pem', '/tmp/key.pem'), $on());
    show('no names', $object->setSSL(true, '', '', ''), $on());
    show('names of arguments', $object->setSSL(ssl: false, key_file: 'x'), $object->setSSL(certificate: 'x', ca_file: 'y'), $on());
    show('a number, 0', $object->setSSL(0), $on());
    show('a text', $object->setSSL('yes', 12), $on());
    show('a NUL', fn () => $object->setSSL(true, "a\0b"), $on());
    show('an array', fn () => $object->setSSL(true, certificate: []), $on());
    show('too many', fn () => $object->setSSL(true, null, null, null, null));
    show('the twin', "{$function}_set_ssl"($object, false), $on(), "{$function}_set_ssl"($object, true, 'a', 'b', 'c'), $on());
    show('its NUL', fn () => "{$function}_set_ssl"($object, true, null, null, "c\0"), $on());

    show('removeOptions()', $object->removeOptions($bit), $on());
    show('addOptions()', $object->addOptions($bit), $on());
    show('setOptions() without it', $object->setOptions(2), $on());
    show('removeOptions(-1)', $object->removeOptions(-1), $on());
    show('setOptions() without it', $object->setOptions(2), $on());
    show('setOptions() with it', $object->setOptions($bit), $on());
    show('setSSL(false)', $object->setSSL(false), $on());
    show('returnCode', code($object), $object->error());
}
--EXPECT--
GearmanClient: false
(): true, true
(false): true, false
(true, null, null, null): true, true
files that are not there: true, true
no names: true, true
names of arguments: true, true, true
a number, 0: true, false
a text: true, true
a NUL: ValueError: GearmanClient::setSSL(): Argument #2 ($ca_file) must not contain any null bytes, true
an array: TypeError: GearmanClient::setSSL(): Argument #3 ($certificate) must be of type ?string, array given, true
too many: ArgumentCountError: GearmanClient::setSSL() expects at most 4 arguments, 5 given
the twin: true, false, true, true
its NUL: ValueError: gearman_client_set_ssl(): Argument #5 ($key_file) must not contain any null bytes, true
removeOptions(): true, false
addOptions(): true, true
setOptions() without it: true, true
removeOptions(-1): true, false
setOptions() without it: true, false
setOptions() with it: true, true
setSSL(false): true, false
returnCode: SUCCESS, false
GearmanWorker: false
(): true, true
(false): true, false
(true, null, null, null): true, true
files that are not there: true, true
no names: true, true
names of arguments: true, true, true
a number, 0: true, false
a text: true, true
a NUL: ValueError: GearmanWorker::setSSL(): Argument #2 ($ca_file) must not contain any null bytes, true
an array: TypeError: GearmanWorker::setSSL(): Argument #3 ($certificate) must be of type ?string, array given, true
too many: ArgumentCountError: GearmanWorker::setSSL() expects at most 4 arguments, 5 given
the twin: true, false, true, true
its NUL: ValueError: gearman_worker_set_ssl(): Argument #5 ($key_file) must not contain any null bytes, true
removeOptions(): true, false
addOptions(): true, true
setOptions() without it: true, true
removeOptions(-1): true, false
setOptions() without it: true, false
setOptions() with it: true, true
setSSL(false): true, false
returnCode: SUCCESS, false
