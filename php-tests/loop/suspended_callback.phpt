--TEST--
In a loop: a callback that suspends its fiber keeps back no result that came with its own, and its task ends once
--FILE--
<?php
require __DIR__ . '/../fake_server.inc';
require __DIR__ . '/loop.inc';

// All results come at once, so the socket has nothing more for the loop. What poll() had already read was forgotten for good when
// the first callback suspended.
$server = fake_server(function (FakePeer $peer) {
    $created = $complete = '';
    foreach (['a', 'b', 'c'] as $job) {
        $peer->until(GEARMAN_COMMAND_SUBMIT_JOB);
        $created .= FakePeer::packet(GEARMAN_COMMAND_JOB_CREATED, "H:$job");
        $complete .= FakePeer::packet(GEARMAN_COMMAND_WORK_COMPLETE, "H:$job", $job);
    }
    $peer->send($created . $complete);
    $peer->wait();
});
$client = loop_client($server->port);
$suspended = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$suspended) {
    $suspended[] = Fiber::getCurrent();
    $number = Fiber::suspend();
    echo "done {$task->data()} $number\n";
});
foreach (['a', 'b', 'c'] as $workload) {
    $client->addTask('f', $workload);
}
$in_fibers = new class($client) {
    public function __construct(private GearmanClient $client)
    {
    }
    public function getStreams(): array
    {
        return $this->client->getStreams();
    }
    public function poll(): void
    {
        (new Fiber($this->client->poll(...)))->start();
    }
};
loop([$in_fibers], function () use (&$suspended) { return count($suspended) === 3; });
foreach ($suspended as $i => $fiber) {
    $fiber->resume($i);
}
settle([$client]);
show('rest', $client->poll());

// While its callback was suspended a task ran out of time as well: it failed, and its result was gone.
$server = fake_server(function (FakePeer $peer) {
    $peer->until(GEARMAN_COMMAND_SUBMIT_JOB);
    $peer->until(GEARMAN_COMMAND_SUBMIT_JOB);
    $peer->send(FakePeer::packet(GEARMAN_COMMAND_JOB_CREATED, 'H:a') . FakePeer::packet(GEARMAN_COMMAND_JOB_CREATED, 'H:b')
        . FakePeer::packet(GEARMAN_COMMAND_WORK_COMPLETE, 'H:a', 'a'));
    $peer->wait();
});
$client = loop_client($server->port);
$suspended = $failed = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$suspended) {
    $suspended[] = Fiber::getCurrent();
    Fiber::suspend();
    echo "done {$task->data()}\n";
});
$client->setFailCallback(function (GearmanTask $task) use (&$failed) { $failed[] = $task->jobHandle(); });
$client->addTask('f', 'a');
$client->addTask('f', 'b');
$in_fibers = new $in_fibers($client);
loop([$in_fibers], function () use (&$suspended) { return $suspended; });
$client->setTimeout(100);
loop([$in_fibers], function () use (&$failed) { return $failed; });
$suspended[0]->resume();
show('failed', ...$failed);
--EXPECT--
done a 0
done b 1
done c 2
rest: null
done a
failed: 'H:b'
