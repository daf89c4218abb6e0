--TEST--
Subclasses: own constructors, overridden methods, and those that do not call the parent
--FILE--
<?php
require __DIR__ . '/../api.inc';

class LoggingClient extends GearmanClient
{
    public array $log = [];

    public function __construct(int $port)
    {
        parent::__construct();
        $this->addServer(HOST, $port);
    }
    public function doBackground(string $function, string $workload, ?string $unique = null): string
    {
        $this->log[] = $workload;
        return parent::doBackground($function, strtoupper($workload), $unique);
    }
}

class OwnWorker extends GearmanWorker
{
    public function __construct(private string $function)
    {
        parent::__construct();
        parent::__construct(); // once more does no harm
        $this->addServer(HOST, PORT);
        $this->addFunction($function, [$this, 'run'], $this);
    }
    public function run(GearmanJob $job, self $context): string
    {
        show('run', $job->workload(), $context === $this);
        return '';
    }
    public function __destruct()
    {
        parent::__destruct();
        echo "destructed\n";
    }
}

// Programs have methods of names that pecl does not know, without types. Where ours had hard return types, they did not load.
class OwnMethods extends GearmanClient
{
    #[ReturnTypeWillChange]
    public function do($function, $workload, $unique = null)
    {
        return "$function($workload)";
    }
    #[ReturnTypeWillChange]
    public function poll()
    {
        return 'polled';
    }
}

class OrphanClient extends GearmanClient
{
    public function __construct()
    {
    }
}

class OrphanWorker extends GearmanWorker
{
    public function __construct()
    {
    }
}

class Failing extends GearmanClient
{
    public function __construct()
    {
        parent::__construct();
        global $leaked;
        $leaked = $this;
        throw new DomainException('half made');
    }
}

$function = unique_function_name();
$client = new LoggingClient(PORT);
show('overridden', $client->doBackground($function, 'text'), $client->log, $client instanceof GearmanClient);
show('by function', gearman_client_do_background($client, $function, 'text'), $client->log);
$worker = new OwnWorker($function);
show('work', $worker->work(), $worker->work());
unset($worker);
gc_collect_cycles();

show('own methods', (new OwnMethods)->do('f', 'x'), (new OwnMethods)->poll());
$orphan = new OrphanClient();
show('without parent::__construct()', $orphan->options(), code($orphan), $orphan->timeout(), $orphan->context(), $orphan->error(), $orphan->doJobHandle());
show('- do', @$orphan->doNormal('f', 'x'), code($orphan));
show('- runTasks', $orphan->runTasks(), code($orphan));
show('- usable', $orphan->addServer(HOST, PORT), $orphan->ping('x'));
$orphan = new OrphanWorker();
show('worker', $orphan->options(), @$orphan->work(), code($orphan));
show('- usable', $orphan->addServer(HOST, PORT), $orphan->ping('x'));
$bare = (new ReflectionClass(GearmanClient::class))->newInstanceWithoutConstructor();
show('newInstanceWithoutConstructor', $bare->options(), @$bare->ping('x'), code($bare));

show('constructor that throws', fn() => new Failing());
show('its object', $leaked->options(), @$leaked->ping('x'), code($leaked));
show('final', fn() => (new ReflectionClass(GearmanException::class))->isFinal());
--EXPECT--
overridden: a handle, ['text'], true
by function: a handle, ['text']
run: 'TEXT', true
run: 'text', true
work: true, true
destructed
own methods: 'f(x)', 'polled'
without parent::__construct(): 32, SUCCESS, -1, '', false, ''
- do: '', NO_SERVERS
- runTasks: true, SUCCESS
- usable: true, true
worker: 644, false, NO_SERVERS
- usable: true, true
newInstanceWithoutConstructor: 32, false, NO_SERVERS
constructor that throws: DomainException: half made
its object: 32, false, NO_SERVERS
final: true
