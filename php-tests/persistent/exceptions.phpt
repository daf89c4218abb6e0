--TEST--
gearman.persistent=1: who does not wish to hear of exceptions gets no connection of one who did, and the other way round hears
--INI--
gearman.persistent=1
--FILE--
<?php
require __DIR__ . '/persistent.inc';

$server = start_gearmand();
$port = $server->port;
$function = serve(fn () => throw new DomainException('heard'), $port);
$ask = function (bool $setup) use ($port, $function) {
    $client = new GearmanClient();
    $client->addServer(HOST, $port, $setup);
    $client->doNormal($function, 'x');
    return new Code(code_of($client->returnCode()));
};
foreach ([true, false, true, false, false, true] as $setup) {
    show($setup ? 'with' : 'without', $ask($setup), kept());
}

// With one in use, who wishes gets the one that was not told, which is told then.
$first = client($port);
show('the first', $first->ping('x'));
show('the second', $ask(true), kept());
show('now both are told', $ask(false), kept());
--EXPECT--
with: WORK_EXCEPTION, [1, 0, 1]
without: WORK_FAIL, [2, 0, 2]
with: WORK_EXCEPTION, [2, 1, 2]
without: WORK_FAIL, [2, 2, 2]
without: WORK_FAIL, [2, 3, 2]
with: WORK_EXCEPTION, [2, 4, 2]
the first: true
the second: WORK_EXCEPTION, [1, 6, 2]
now both are told: WORK_FAIL, [2, 6, 3]
