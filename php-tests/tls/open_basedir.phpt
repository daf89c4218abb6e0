--TEST--
setSSL() and open_basedir: a file that it does not allow is refused
--FILE--
<?php
require __DIR__ . '/tls.inc';

$folder = tls_folder();
ini_set('open_basedir', $folder);
foreach ([new GearmanClient(), new GearmanWorker()] as $object) {
    $bit = $object instanceof GearmanClient ? 256 : 1024;
    show('allowed', $object->setSSL(true, "$folder/ca.pem"), $object->options() & $bit);
    $object->setSSL(false);
    foreach ([['/etc/ca.pem'], ["$folder/ca.pem", '/etc/passwd'], [null, null, "$folder/../key"]] as $files) {
        told('not allowed', $object, fn () => $object->setSSL(true, ...$files));
        show('still off', $object->options() & $bit);
    }
}
told('a function', $object, fn () => gearman_worker_set_ssl($object, true, '/etc/ca.pem'));
--EXPECT--
allowed: true, 256
not allowed:
  warning: GearmanClient::setSSL(): open_basedir does not allow /etc/ca.pem
  false, INVALID_ARGUMENT
still off: 0
not allowed:
  warning: GearmanClient::setSSL(): open_basedir does not allow /etc/passwd
  false, INVALID_ARGUMENT
still off: 0
not allowed:
  warning: GearmanClient::setSSL(): open_basedir does not allow ~~/key
  false, INVALID_ARGUMENT
still off: 0
allowed: true, 1024
not allowed:
  warning: GearmanWorker::setSSL(): open_basedir does not allow /etc/ca.pem
  false, INVALID_ARGUMENT
still off: 0
not allowed:
  warning: GearmanWorker::setSSL(): open_basedir does not allow /etc/passwd
  false, INVALID_ARGUMENT
still off: 0
not allowed:
  warning: GearmanWorker::setSSL(): open_basedir does not allow ~~/key
  false, INVALID_ARGUMENT
still off: 0
a function:
  warning: gearman_worker_set_ssl(): open_basedir does not allow /etc/ca.pem
  false, INVALID_ARGUMENT
