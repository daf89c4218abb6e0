<?php
// loop.php PORT PORT TASKS ROUNDS: tasks in flight over two servers, by poll() in a loop with a timer of 10 ms and by runTasks(), in
// turn. Prints the times of both, their quotient (the median of the pairs') and how late the timer came.
[, $first, $second, $tasks, $rounds] = array_map('intval', $argv);

/** A client of one server, or of both. */
function client_of(int ...$ports): GearmanClient
{
    $client = new GearmanClient();
    array_map(fn (int $port) => $client->addServer('127.0.0.1', $port), $ports);
    return $client;
}

/** @param GearmanClient[] $clients */
function add(array $clients, int $tasks, int &$done): void
{
    foreach ($clients as $client) {
        $client->setCompleteCallback(function (GearmanTask $task) use (&$done): void {
            $done += (int) ($task->data() === 'twelve bytes');
        });
        $client->setFailCallback(fn () => exit("a task failed: {$client->error()}\n"));
        for ($i = 0; $i < $tasks / count($clients); $i++) {
            $client->addTask('echo', 'twelve bytes');
        }
    }
}

/** Seconds that it takes; how late the timer comes, in ms, goes to $late. */
function by_loop(array $clients, int $tasks, array &$late): float
{
    $done = 0;
    $streams = array_map(fn (GearmanClient $client) => $client->getStreams()[0], $clients);
    $begin = hrtime(true);
    add($clients, $tasks, $done);
    $due = hrtime(true) + 10_000_000;
    while ($done < $tasks) {
        [$read, $write, $except] = [$streams, null, null];
        stream_select($read, $write, $except, 0, max(0, intdiv($due - hrtime(true), 1000)));
        foreach (array_keys($read) as $i) {
            $clients[$i]->poll();
        }
        if (hrtime(true) >= $due) {
            $late[] = (hrtime(true) - $due) / 1e6;
            $due = hrtime(true) + 10_000_000;
        }
    }
    return (hrtime(true) - $begin) / 1e9;
}

function by_run_tasks(array $clients, int $tasks): float
{
    $done = 0;
    $begin = hrtime(true);
    add($clients, $tasks, $done);
    foreach ($clients as $client) {
        $client->runTasks() || exit("runTasks: {$client->error()}\n");
    }
    $done === $tasks || exit("$done of $tasks tasks are done\n");
    return (hrtime(true) - $begin) / 1e9;
}

function median(array $numbers): float
{
    sort($numbers);
    return $numbers[intdiv(count($numbers), 2)];
}

$ways = ['two clients, a server each' => [[$first], [$second]], 'one client of both servers' => [[$first, $second]]];
foreach ($ways as $name => $ports) {
    $make = fn () => array_map(fn (array $ports) => client_of(...$ports), $ports);
    [$looping, $running, $late] = [$make(), $make(), []];
    by_loop($looping, $tasks, $late);
    by_run_tasks($running, $tasks);
    [$late, $loop, $run, $quotient] = [[], [], [], []];
    for ($i = 0; $i < $rounds; $i++) {
        $loop[] = by_loop($looping, $tasks, $late);
        $run[] = by_run_tasks($running, $tasks);
        $quotient[] = end($loop) / end($run);
    }
    printf("%s, %d tasks: loop %.2f ms, runTasks %.2f ms, quotient %.2f; ", $name, $tasks, 1e3 * median($loop), 1e3 * median($run), median($quotient));
    printf("timer %d times, late by %.2f ms (median), %.2f ms (worst)\n", count($late), median($late ?: [0]), max($late ?: [0]));
}
