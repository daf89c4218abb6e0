--TEST--
Dynamic properties: allowed, deprecated; declared ones of subclasses without a word
--FILE--
<?php
require __DIR__ . '/../api.inc';

class Sub extends GearmanWorker
{
    public int $count = 0;
    private array $log = [];
    public readonly string $once;

    public function log(string $text): static
    {
        $this->log[] = $text;
        $this->once ??= $text;
        return $this;
    }
}
foreach ([GearmanClient::class, GearmanWorker::class, GearmanJob::class, GearmanTask::class] as $class) {
    $object = new $class();
    $object->note = ['kept'];
    $object->note[] = 2;
    show($class, isset($object->note), $object->note, get_object_vars($object));
    unset($object->note);
    show('- unset', isset($object->note), @$object->note);
}
$worker = new Sub();
$worker->addServer(HOST, PORT);
$worker->addFunction($function = unique_function_name(), function (GearmanJob $job) use ($worker) {
    $worker->count++;
    $worker->log($job->workload());
});
$client = client();
$client->doBackground($function, 'one');
$client->doBackground($function, 'two');
show('work', $worker->work(), $worker->work(), $worker->count, $worker->once);
print_r($worker);
show('read only', fn() => $worker->once = 'again');
--EXPECT--
  Deprecated: Creation of dynamic property GearmanClient::$note is deprecated
GearmanClient: true, ['kept', 2], [note => ['kept', 2]]
- unset: false, null
  Deprecated: Creation of dynamic property GearmanWorker::$note is deprecated
GearmanWorker: true, ['kept', 2], [note => ['kept', 2]]
- unset: false, null
  Deprecated: Creation of dynamic property GearmanJob::$note is deprecated
GearmanJob: true, ['kept', 2], [note => ['kept', 2]]
- unset: false, null
  Deprecated: Creation of dynamic property GearmanTask::$note is deprecated
GearmanTask: true, ['kept', 2], [note => ['kept', 2]]
- unset: false, null
work: true, true, 2, 'one'
Sub Object
(
    [count] => 2
    [log:Sub:private] => Array
        (
            [0] => one
            [1] => two
        )

    [once] => one
)
read only: Error: Cannot modify readonly property Sub::$once
