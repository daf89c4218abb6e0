--TEST--
What a worker function returns becomes a string as PHP converts it
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

final class Named
{
    public function __toString(): string
    {
        return 'text of an object';
    }
}
$values = [
    'null' => null, 'true' => true, 'false' => false, 'int' => -12, 'float' => 1.5, 'whole float' => 3.0, 'large float' => 1e25,
    'inf' => INF, 'nan' => NAN, 'string' => "a\0b", 'empty' => '', 'object' => new Named(), 'array' => [1, 2], 'empty array' => [],
];
$function = serve(fn(GearmanJob $job) => $values[$job->workload()]);
$nothing = serve(function () {
});
$client = client();
foreach ($values as $name => $value) {
    show($name, $client->doNormal($function, $name), code($client));
}
show('no return', $client->doNormal($nothing, 'x'), code($client));

// An array is converted as PHP does it: with a warning, in the worker.
$worker = worker([$function = unique_function_name() => fn() => [1]]);
$client->doBackground($function, 'x');
show('work', $worker->work(), code($worker));
--EXPECT--
null: '', SUCCESS
true: '1', SUCCESS
false: '', SUCCESS
int: '-12', SUCCESS
float: '1.5', SUCCESS
whole float: '3', SUCCESS
large float: '1.0E+25', SUCCESS
inf: 'INF', SUCCESS
nan: 'NAN', SUCCESS
string: 'a\000b', SUCCESS
empty: '', SUCCESS
object: 'text of an object', SUCCESS
array: 'Array', SUCCESS
empty array: 'Array', SUCCESS
no return: '', SUCCESS
  Warning: Array to string conversion
work: true, SUCCESS
