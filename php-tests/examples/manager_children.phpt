--TEST--
examples/manager: a killed child is replaced and its job done again; limits; broken code; children that do not stop
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/manager.inc';

$server = start_gearmand();
$files = getenv('GEARMAN_TEST_DIR') . "/manager-$server->port";
$client = client($server);

echo "-- kill -9\n";
$manager = new ManagerProcess($server, hold($files), ['--stop-timeout=1', '--max-jobs=5']);
$first = $manager->wait_for(3);
$held = spawn_client($server, 'hold', 'z', 'held z');
$victim = wait_until(fn() => holders($files))[0];
posix_kill($victim, SIGKILL);
$second = wait_until(fn() => array_values(array_diff(holders($files), [$victim])), 10, 'another to take the job')[0];
touch("$files.go");
echo 'client: ', wait_child($held), "\n";
var_dump($second !== $victim, count($manager->wait_for(3, without: [$victim])));
echo preg_match("/child $victim ended: signal 9, 0 jobs; the next starts in 0.1 s/", $manager->log()), "\n";

echo "-- limit\n";
$before = $manager->status()[0];
for ($i = 0; $i < 30; $i++) {
    $client->doNormal('reverse', "n$i") === strrev("n$i") || print("job $i: {$client->error()}\n");
}
wait_until(fn() => $manager->status()[0] === $before + 30);
var_dump(max([0, ...array_column($manager->status()[1], 0)]) <= 5);
// 31 jobs, of which three children may hold up to four each
wait_until(fn() => preg_match_all('/ended: exit code 0, 5 jobs$/m', $manager->log()) >= 4);

echo "-- broken code\n";
// A child that has had its five jobs is about to end.
wait_until(fn() => !in_array(5, array_column($manager->status()[1], 0), true));
$pids = $manager->wait_for(3);
$manager->change('1 +'); // not PHP
$manager->signal(SIGHUP);
wait_until(fn() => preg_match_all('/exit code 1, 0 jobs; the next starts in ([\d.]+) s/', $manager->log(), $pauses) >= 3);
preg_match_all('/exit code 1, 0 jobs; the next starts in ([\d.]+) s/', $manager->log(), $pauses);
echo implode(' ', array_slice($pauses[1], 0, 3)), "\n";
echo 'still there: ', count(array_intersect($pids, array_keys($manager->status()[1]))), "\n";
echo $client->doNormal('reverse', 'cba'), "\n";
$manager->change(hold($files));
echo 'mended: ', count($manager->wait_for(3, without: $pids)), "\n";

echo "-- deadline\n";
array_map('unlink', ["$files.go", ...glob("$files.running.*")]);
$client->doBackground('hold', 'for ever');
$holder = wait_until(fn() => holders($files))[0];
$manager->signal(SIGTERM);
echo 'manager: ', $manager->wait_end(), "\n";
echo preg_match("/child $holder does not stop: killed/", $manager->log()), "\n";
echo 'job: ', implode(' ', function_status('hold', $server->port)), "\n";

echo "-- a child whose manager was killed\n";
touch("$files.go");
$manager = new ManagerProcess($server, '', ['-n', '1']);
[$orphan] = $manager->wait_for(1);
$manager->signal(SIGKILL);
wait_until(fn() => !posix_kill($orphan, 0) || preg_match('/^State:\s+Z/m', (string) @file_get_contents("/proc/$orphan/status")));
echo "ended\n";
?>
--EXPECT--
-- kill -9
client: 0
bool(true)
int(3)
1
-- limit
bool(true)
-- broken code
0.1 0.2 0.4
still there: 2
abc
mended: 3
-- deadline
manager: 1
1
job: 1 0 0
-- a child whose manager was killed
ended
