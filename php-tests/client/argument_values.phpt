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
$client->setTimeout(-1);
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
--EXPECT--
int: '67: 345'
float: '2.5: 1.5'
true: '1: 1'
Stringable: 'key: work'
a number as function: a handle, SUCCESS
numeric text as int: true, 300
whole float as int: true, 25
  Deprecated: Implicit conversion from float 25.5 to int loses precision
fraction as int: true, 25
bool as int: true, 1
number as text: true, '5'
ping: true, SUCCESS
array as function: TypeError: GearmanClient::doNormal(): Argument #1 ($function) must be of type string, array given
array as workload: TypeError: GearmanClient::doBackground(): Argument #2 ($workload) must be of type string, array given
object as workload: TypeError: GearmanClient::doHigh(): Argument #2 ($workload) must be of type string, stdClass given
array as key: TypeError: GearmanClient::doLow(): Argument #3 ($unique) must be of type ?string, array given
text as timeout: TypeError: GearmanClient::setTimeout(): Argument #1 ($timeout) must be of type int, string given
text as port: TypeError: GearmanClient::addServer(): Argument #2 ($port) must be of type int, string given
array as host: TypeError: GearmanClient::addServer(): Argument #1 ($host) must be of type ?string, array given
array as list: TypeError: GearmanClient::addServers(): Argument #1 ($servers) must be of type ?string, array given
text as options: TypeError: GearmanClient::addOptions(): Argument #1 ($option) must be of type int, string given
array as context: TypeError: GearmanClient::setContext(): Argument #1 ($data) must be of type string, array given
array as handle: TypeError: GearmanClient::jobStatus(): Argument #1 ($job_handle) must be of type string, array given
a float that is no int: TypeError: GearmanClient::setTimeout(): Argument #1 ($timeout) must be of type int, float given
