--TEST--
PHP loads the module that was built, and it is of this version
--FILE--
<?php
preg_match('/^version = "(.*)"/m', file_get_contents(__DIR__ . '/../../Cargo.toml'), $match);
var_dump(phpversion('gearman') === $match[1]);
var_dump((new GearmanClient())->returnCode() === GEARMAN_SUCCESS);
?>
--EXPECT--
bool(true)
bool(true)
