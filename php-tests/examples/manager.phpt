--TEST--
examples/manager: 3 children share 200 jobs; status; SIGHUP loads new code and loses no job; SIGTERM ends in order
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/manager.inc';

$server = start_gearmand();
$files = getenv('GEARMAN_TEST_DIR') . "/manager-$server->port";
$version = fn(int $n) => hold($files) . "'version' => fn() => '$n',";
$manager = new ManagerProcess($server, $version(1));
$first = $manager->wait_for(3);

// 200 jobs, each with its own right answer.
$client = client($server);
$right = 0;
$client->setCompleteCallback(function (GearmanTask $task, string $word) use (&$right) {
    $right += $task->data() === strrev($word);
});
for ($i = 0; $i < 200; $i++) {
    $client->addTask('reverse', "word $i", "word $i");
}
var_dump($client->runTasks(), $right);
echo $client->doNormal('sum', '[1, 2, 3]'), ' ', $client->doNormal('word_count', 'a b c d'), ' ',
    $client->doNormal('version', '-'), "\n";

// The children report a job's end to the manager beside the server: wait for the last of them.
wait_until(fn() => $manager->status()[0] === 203, 10, 'the count of jobs');
[$jobs, $children] = $manager->status();
echo "$jobs jobs, ", count($children), " children, memory told: ",
    count(array_filter($children, fn($child) => $child[1] > 0.1)), "\n";
var_dump(array_sum(array_column($children, 0)));

// A job that throws costs no child, and its client hears of it.
@$client->doNormal('sum', 'no JSON');
var_dump($client->returnCode() === GEARMAN_WORK_EXCEPTION, $manager->wait_for(3) === $first);

// SIGHUP, while jobs come and one is running all the time.
$held = spawn_client($server, 'hold', 'x', 'held x');
wait_until(fn() => holders($files));
$stream = spawn(function () use ($server, $files) {
    $client = client($server);
    for ($i = 0; $i < 20 || !file_exists("$files.enough"); $i++) {
        if ($client->doNormal('reverse', "job $i") !== strrev("job $i")) {
            return print("lost job $i: {$client->error()}\n");
        }
    }
});
$manager->change($version(2));
$manager->signal(SIGHUP);
// All but the one at work are replaced, or wait for it: it is not cut short.
wait_until(fn() => array_diff($first, array_keys($manager->status()[1])) || in_array('hold, stopping', array_column($manager->status()[1], 2)));
touch("$files.go");
echo 'held: ', wait_child($held), "\n";
$second = wait_until(function () use ($manager, $first) {
    $pids = array_keys($manager->status()[1]);
    return count($pids) === 3 && !array_intersect($pids, $first) ? $pids : false;
}, 10, 'new children');
touch("$files.enough");
echo 'stream: ', wait_child($stream), "\n";
echo 'version ', $client->doNormal('version', '-'), "\n";
$second = $manager->wait_for(3, without: $first);

// SIGTERM, while a job is running: it ends, its client gets the result, and only then all is over.
array_map('unlink', ["$files.go", ...glob("$files.running.*")]);
$held = spawn_client($server, 'hold', 'y', 'held y');
$holder = wait_until(fn() => holders($files))[0];
$manager->signal(SIGTERM);
wait_until(function () use ($manager, $holder) {
    $children = $manager->status()[1];
    return array_keys($children) === [$holder] && $children[$holder][2] === 'hold, stopping';
}, 10, 'all others to stop');
touch("$files.go");
echo 'held: ', wait_child($held), "\nmanager: ", $manager->wait_end(), "\n";
var_dump(array_filter([...$first, ...$second], fn($pid) => posix_kill($pid, 0)));
echo preg_match('/stopped, 0 children killed$/', trim($manager->log())), "\n";
?>
--EXPECT--
bool(true)
int(200)
6 4 1
203 jobs, 3 children, memory told: 3
int(203)
bool(true)
bool(true)
held: 0
stream: 0
version 2
held: 0
manager: 0
array(0) {
}
1
