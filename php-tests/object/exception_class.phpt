--TEST--
GearmanException is final, extends Exception and has a public code
--FILE--
<?php
require __DIR__ . '/../api.inc';

$class = new ReflectionClass(GearmanException::class);
show('class', $class->isFinal(), $class->getParentClass()->name, $class->isSubclassOf(Throwable::class));
$exception = new GearmanException();
show('defaults', $exception->code, $exception->getCode(), $exception->getMessage(), $exception->getPrevious());
$exception = new GearmanException('text', 7, new RuntimeException('inner'));
show('arguments', $exception->code, $exception->getMessage(), $exception->getPrevious()->getMessage());
try {
    (new GearmanClient())->enableExceptionHandler();
} catch (Exception $exception) {
    show('thrown', get_class($exception), $exception->code, $exception->getMessage(), basename($exception->getFile(), '.php') === basename(__FILE__, '.php'), $exception->getLine() === __LINE__ - 2);
}
--EXPECT--
class: true, 'Exception', true
defaults: 0, 0, '', null
arguments: 7, 'text', 'inner'
thrown: 'GearmanException', 0, 'Failed to set exception option', true, true
