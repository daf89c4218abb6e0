--TEST--
An exception of a worker function comes out of work() as it was thrown; the worker goes on
--FILE--
<?php
require __DIR__ . '/../api.inc';

final class Special extends LogicException
{
    public array $extra = ['kept'];
}
$thrown = new Special('the text', 99, new RuntimeException('inner'));
$worker = worker([
    ($throws = unique_function_name()) => fn() => throw $thrown,
    ($errs = unique_function_name()) => fn(int $job) => 'not reached',
    ($nested = unique_function_name()) => function () {
        try {
            throw new RuntimeException('caught inside');
        } catch (RuntimeException $e) {
            return $e->getMessage();
        }
    },
    ($fine = unique_function_name()) => fn() => print("fine\n"),
]);
$client = client();
foreach ([$throws, $errs, $nested, $fine, $throws] as $function) {
    $client->doBackground($function, 'x');
    try {
        show('work', $worker->work(), code($worker));
    } catch (Special $e) {
        show('the same object', $e === $thrown, $e->getMessage(), $e->getCode(), $e->extra, $e->getPrevious()->getMessage(), code($worker));
    } catch (TypeError $e) {
        show('TypeError', str_contains($e->getMessage(), 'must be of type int, GearmanJob given'), code($worker));
    }
}
$worker->ping('the server has heard of the end');
show('nothing left', array_map(fn($function) => function_status($function)[0], [$throws, $errs, $nested, $fine]));

// A warning made an exception in the function is one of its exceptions.
set_error_handler(fn($level, $text) => throw new ErrorException($text));
$client->doBackground($function = unique_function_name(), 'x');
$worker = worker([$function => fn() => $undefined]);
show('ErrorException', fn() => $worker->work(), code($worker));
--EXPECT--
the same object: true, 'the text', 99, ['kept'], 'inner', WORK_EXCEPTION
TypeError: true, WORK_EXCEPTION
work: true, SUCCESS
fine
work: true, SUCCESS
the same object: true, 'the text', 99, ['kept'], 'inner', WORK_EXCEPTION
nothing left: [0, 0, 0, 0]
ErrorException: ErrorException: Undefined variable $undefined, WORK_EXCEPTION
