--TEST--
Scalars and Stringable are converted to strings and numbers; arrays and other objects are a TypeError
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

final class Named
{
    public function __construct(private string $name)
    {
    }
    public function __toString(): string
    {
        return $this->name;
    }
}
$seen = serve(fn(GearmanJob $job) => $job->unique() . ': ' . $job->workload());
$client = client();
$client->addServer(HOST, (string) PORT, 0);
show('int', $client->doNormal($seen, 345, 67));
show('float', $client->doNormal($seen, 1.5, 2.5));
show('true', $client->doNormal($seen, true, true));
show('Stringable', $client->doNormal(new Named($seen), new Named('work'), new Named('key')));
show('a number as function', $client->doBackground(12, 'x'), code($client));
show('numeric text as int', $client->setTimeout('300'), $client->timeout());
show('whole float as int', $client->setTimeout(25.0), $client->timeout());
show('fraction as int', $client->setTimeout(25.5), $client->timeout());
show('bool as int', $client->setTimeout(true), $client->timeout());
show('number as text', $client->setContext(5), $client->context());
show('ping', $client->ping(5), code($client));

foreach ([
    'array as function' => fn() => $client->doNormal([], 'x'),
    'array as workload' => fn() => $client->doBackground('f', ['x']),
    'object as workload' => fn() => $client->doHigh('f', new stdClass()),
    'array as key' => fn() => $client->doLow('f', 'x', []),
    'text as timeout' => fn() => $client->setTimeout('soon'),
    'text as port' => fn() => $client->addServer(HOST, 'gearman'),
    'array as host' => fn() => $client->addServer([HOST]),
    'array as list' => fn() => $client->addServers([HOST]),
    'text as options' => fn() => $client->addOptions('x'),
    'array as context' => fn() => $client->setContext([]),
    'array as handle' => fn() => $client->jobStatus([]),
    'a float that is no int' => fn() => $client->setTimeout(1e30),
] as $what => $call) {
    show($what, $call);
}
