--TEST--
Servers that are killed, come back and have full queues: each task ends once, and no runTasks() fails for what an earlier one has told
--EXTENSIONS--
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../api.inc';

/** A client, and what its callbacks and its tasks have told it. */
final class Program
{
    public readonly GearmanClient $client;
    /** @var array<string, GearmanTask> without an end */
    public array $open = [];
    public int $created = 0;
    private int $number = 0;

    public function __construct(array $ports)
    {
        $this->client = new GearmanClient();
        array_map(fn($port) => $this->client->addServer(HOST, $port, false), $ports);
        $this->client->setCreatedCallback(function (GearmanTask $task) {
            $this->created++;
            str_starts_with($task->unique(), 'b') && $this->ends($task->unique());
        });
        $this->client->setCompleteCallback(fn(GearmanTask $task) => $this->ends($task->unique()));
    }

    public function add(string $function, bool $background): void
    {
        $key = ($background ? 'b' : 'f') . ++$this->number;
        $this->open[$key] = $background
            ? $this->client->addTaskBackground($function, 'x', null, $key)
            : $this->client->addTask($function, 'x', null, $key);
    }

    private function ends(string $key): void
    {
        isset($this->open[$key]) || throw new LogicException("$key ended twice");
        unset($this->open[$key]);
    }

    /** The code of a failed call must be news. */
    public function run(int $timeout, int $up): bool
    {
        $this->client->setTimeout($timeout);
        $ran = @$this->client->runTasks();
        $code = code_of($this->client->returnCode());
        $lost = array_map(fn($task) => code_of($task->returnCode()), array_filter($this->open, fn($task) => $task->returnCode() !== 0));
        array_map($this->ends(...), array_keys($lost));
        $news = match (true) {
            $ran => $code === 'SUCCESS' && !$lost && !$this->open,
            $lost !== [] => in_array($code, $lost, true),
            $code === 'TIMEOUT' => true,
            default => $code === 'COULD_NOT_CONNECT' && $up === 0,
        };
        return $news ? $ran : throw new LogicException(json_encode([$ran, $code, $lost, count($this->open), $up]));
    }
}

$seed = random_int(0, PHP_INT_MAX);
mt_srand($seed);
try {
    $servers = [start_gearmand(), start_gearmand()];
    $ports = array_map(fn($server) => $server->port, $servers);
    $limit = fn($port) => admin('create function full', $port) . admin('maxqueue full 3', $port);
    array_map($limit, $ports);
    $program = new Program($ports);
    $up = function () use (&$servers) {
        return count(array_filter($servers, fn($server) => $server->running()));
    };
    for ($step = 0; $step < 120; $step++) {
        $i = mt_rand(0, 1);
        switch (mt_rand(0, 9)) {
            case 0:
                $servers[$i]->stop(SIGKILL);
                break;
            case 1:
                if (!$servers[$i]->running()) {
                    $servers[$i] = start_gearmand(port: $ports[$i]);
                    $limit($ports[$i]);
                }
                break;
            case 2: case 3: case 4:
                $program->run(30, $up());
                break;
            default:
                $program->add(['full', 'open'][mt_rand(0, 1)], mt_rand(0, 3) > 0);
        }
    }
    foreach ($servers as $i => $server) {
        $servers[$i] = $server->running() ? $server : start_gearmand(port: $ports[$i]);
        serving(['full' => fn() => 'done', 'open' => fn() => 'done'], $ports[$i]);
    }
    // What the last outage has cost is told once; then nothing is left.
    $ran = $program->run(20000, 2) || $program->run(20000, 2);
    show('well again', $ran, count($program->open), $program->created > 0);
    $program->add('open', false);
    show('afterwards', $program->run(20000, 2), count($program->open));
} catch (Throwable $e) {
    echo "seed $seed, step $step: $e\n";
}
--EXPECT--
well again: true, 0, true
afterwards: true, 0
