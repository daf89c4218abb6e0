<?php
// loop.php PORT PORT TASKS ROUNDS: tasks in flight over two servers, by poll() in a loop with a timer of 10 ms and by runTasks(), in
// turn. Prints the times of both, their quotient (the median of the pairs'), how late the timer came, and what the longest turn of the
// loop took of the processor, which is how late it comes at most where nobody else wants that.
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

/** Milliseconds of the processor that this process had. */
function used(): float
{
    $of = getrusage();
    return 1e3 * ($of['ru_utime.tv_sec'] + $of['ru_stime.tv_sec']) + ($of['ru_utime.tv_usec'] + $of['ru_stime.tv_usec']) / 1e3;
}

/** Seconds that it takes; how late the timer comes, and the longest turn, in ms, go to $late and $longest. */
function by_loop(array $clients, int $tasks, array &$late, float &$longest): float
{
    $done = 0;
    $streams = array_map(fn (GearmanClient $client) => $client->getStreams()[0], $clients);
    $begin = hrtime(true);
    add($clients, $tasks, $done);
    $due = hrtime(true) + 10_000_000;
    while ($done < $tasks) {
        [$read, $write, $except] = [$streams, null, null];
        stream_select($read, $write, $except, 0, max(0, intdiv($due - hrtime(true), 1000)));
        $before = used();
        foreach (array_keys($read) as $i) {
            $clients[$i]->poll();
        }
        $longest = max($longest, used() - $before);
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
    [$looping, $running, $late, $longest] = [$make(), $make(), [], 0];
    by_loop($looping, $tasks, $late, $longest);
    by_run_tasks($running, $tasks);
    [$late, $longest, $loop, $run, $quotient] = [[], 0, [], [], []];
    for ($i = 0; $i < $rounds; $i++) {
        $loop[] = by_loop($looping, $tasks, $late, $longest);
        $run[] = by_run_tasks($running, $tasks);
        $quotient[] = end($loop) / end($run);
    }
    printf("%s, %d tasks: loop %.2f ms, runTasks %.2f ms, quotient %.2f; ", $name, $tasks, 1e3 * median($loop), 1e3 * median($run), median($quotient));
    printf("timer %d times, late by %.2f ms (median), %.2f ms (worst); ", count($late), median($late ?: [0]), max($late ?: [0]));
    printf("longest turn %.2f ms of the processor\n", $longest);
}
