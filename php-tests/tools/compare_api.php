<?php
/**
 * Compares the PHP API of gearman_rs with that of pecl gearman 2.2.1, both ways: with the recorded one of 2.1.5, and what
 * came after it.
 *
 *     php compare_api.php stubs/gearman.stub.php php-tests/data/pecl-2.1.5-api.json    what the stub declares
 *     php -d extension=gearman_rs.so compare_api.php - php-tests/data/pecl-2.1.5-api.json    what the loaded module has
 *
 * One line for each difference that is not deliberate (below), and for each deliberate one that is not there; then
 * exit code 1. What we have besides is listed below too: new methods and functions, and nothing that changes one of pecl's. The order of declaration is not looked at: the recording is sorted by name.
 */

/** Facts in which we differ from pecl on purpose (DESIGN): ours, and why. */
const DELIBERATE = [
    'GearmanWorker::grabJob() return_type' => ['GearmanJob|false', 'pecl declares GearmanWorker|false and returns a GearmanJob'],
    'gearman_worker_grab_job() return_type' => ['GearmanJob|false', 'as grabJob()'],
    'GearmanClient::do() return_type' => [null, 'programs have a do() of their own, without types, in subclasses'],
    'GearmanClient::do() tentative_return_type' => ['string', 'as before'],
];

/** What pecl 2.2.1 has besides what was recorded of 2.1.5: constants, and the parameters of setSSL() in both classes. */
const SINCE_2_2 = ['GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL' => 1 << 10, 'GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL' => 1 << 13];
const SET_SSL = [['ssl', 'bool', true], ['ca_file', '?string', null], ['certificate', '?string', null], ['key_file', '?string', null]];

/** What pecl has no more and we have: it must look in all respects like this one of pecl's. */
const DELIBERATE_TWINS = [
    'GearmanClient::do' => ['GearmanClient::doNormal', 'the old name, used by old programs'],
    'gearman_client_do' => ['gearman_client_do_normal', 'the old name, used by old programs'],
];

/** Methods that are ours alone; each has a twin among the functions, of the name in snake case. */
const OURS = [
    'GearmanClient' => ['doBackgroundAt', 'addTaskBackgroundAt', 'cancelJob', 'cancelJobByUniqueKey', 'jobInfo', 'jobResult', 'getStreams', 'poll'],
    'GearmanWorker' => ['getStreams', 'poll'],
    'GearmanJob' => ['attempt', 'isCancelled'],
];

/** Our API without what is ours alone, which is to be there and must not be pecl's. */
function without_ours(array $api, array $pecl): array
{
    foreach (OURS as $class => $methods) {
        foreach ($methods as $method) {
            $twin = strtolower(preg_replace('/(?<=[a-z])(?=[A-Z])/', '_', "$class$method"));
            $twin = preg_replace('/^gearman_(client|job|worker)_?/', 'gearman_$1_', $twin);
            foreach ([[&$api['classes'][$class]['methods'], $method, $pecl['classes'][$class]['methods']],
                [&$api['functions'], $twin, $pecl['functions']]] as [&$here, $name, $theirs]) {
                isset($here[$name]) && !isset($theirs[$name]) || exit("$name is not ours alone\n");
                unset($here[$name]);
            }
        }
    }
    return $api;
}

/** The recording, with what came after it. setSSL() and its twin are as addServer() and its own, but for their parameters. */
function with_2_2(array $pecl): array
{
    $pecl['constants'] += SINCE_2_2;
    $parameters = array_map(fn ($p) => ['name' => $p[0], 'type' => $p[1], 'optional' => true, 'default' => ['value' => $p[2]]], SET_SSL);
    foreach (['GearmanClient' => 'gearman_client', 'GearmanWorker' => 'gearman_worker'] as $class => $prefix) {
        $methods = &$pecl['classes'][$class]['methods'];
        $methods['setSSL'] = ['parameters' => $parameters] + $methods['addServer'];
        $add_server = $pecl['functions'][$prefix . '_add_server'];
        $pecl['functions'][$prefix . '_set_ssl'] = ['parameters' => [$add_server['parameters'][0], ...$parameters]] + $add_server;
    }
    return $pecl;
}

/** Facts about a class that say nothing of its methods. */
function class_facts(ReflectionClass $c): array
{
    $own = fn (Reflector $member): bool => $member->class === $c->name;
    $properties = [];
    foreach (array_filter($c->getProperties(), $own) as $p) {
        $properties[$p->name] = ['modifiers' => Reflection::getModifierNames($p->getModifiers()),
            'type' => $p->hasType() ? (string) $p->getType() : null, 'default' => $p->getDefaultValue()];
    }
    $constants = [];
    foreach (array_filter($c->getReflectionConstants(), $own) as $constant) {
        $constants[$constant->name] = $constant->getValue();
    }
    return ['parent' => ($c->getParentClass() ?: null)?->name, 'modifiers' => Reflection::getModifierNames($c->getModifiers()),
        'interfaces' => $c->getInterfaceNames(), 'constants' => $constants, 'properties' => $properties];
}

/** A signature in the form of the recording. In a stub, tags stand for what PHP cannot declare there. */
function signature(ReflectionFunctionAbstract $f): array
{
    $tag = fn (string $tag): bool => (bool) preg_match("/@$tag\\b/", (string) $f->getDocComment());
    $parameters = [];
    foreach ($f->getParameters() as $p) {
        $row = ['name' => $p->name, 'type' => $p->hasType() ? (string) $p->getType() : null];
        if ($p->isOptional()) {
            $row += ['optional' => true];
            if ($p->isDefaultValueAvailable()) {
                $row['default'] = ['value' => $p->getDefaultValue()]
                    + ($p->isDefaultValueConstant() ? ['constant' => $p->getDefaultValueConstantName()] : []);
            }
        }
        $parameters[] = $row + array_filter(['by_reference' => $p->isPassedByReference(), 'variadic' => $p->isVariadic()]);
    }
    $return = $f->hasReturnType() ? (string) $f->getReturnType() : null;
    $tentative = $f->hasTentativeReturnType() ? (string) $f->getTentativeReturnType() : null;
    if ($tag('tentative-return-type')) { [$return, $tentative] = [null, $return]; }
    return ($f instanceof ReflectionMethod ? ['modifiers' => Reflection::getModifierNames($f->getModifiers())] : [])
        + ['parameters' => $parameters, 'required' => $f->getNumberOfRequiredParameters(), 'return_type' => $return,
            'tentative_return_type' => $tentative, 'deprecated' => $f->isDeprecated() || $tag('deprecated')];
}

/** What this PHP has, in the form of the recording; from the stub, or without one from the loaded module. */
function reflect(string $stub): array
{
    $classes = get_declared_classes();
    $functions = get_defined_functions()['user'];
    $constants = get_defined_constants(true);
    if ($stub === '-') {
        $module = new ReflectionExtension('gearman');
        [$classes, $functions, $constants] = [$module->getClasses(), $module->getFunctions(), $constants['gearman'] ?? []];
    } else {
        require $stub;
        $classes = array_map(fn ($c) => new ReflectionClass($c), array_diff(get_declared_classes(), $classes));
        $functions = array_map(fn ($f) => new ReflectionFunction($f), array_diff(get_defined_functions()['user'], $functions));
        $constants = array_diff_key(get_defined_constants(true)['user'], $constants['user']);
    }
    $api = ['classes' => [], 'functions' => [], 'constants' => $constants];
    foreach ($classes as $c) {
        $methods = array_filter($c->getMethods(), fn ($m) => $m->class === $c->name);
        $api['classes'][$c->name] = class_facts($c) + ['methods' => array_combine(
            array_map(fn ($m) => $m->name, $methods), array_map('signature', $methods))];
    }
    foreach ($functions as $f) { $api['functions'][$f->name] = signature($f); }
    return $api;
}

/** The API as one flat list, a fact a line, so that a difference names the very thing that differs. */
function facts(array $api): array
{
    $facts = $api['constants'];
    $add = function (string $of, array $values) use (&$facts): void {
        foreach ($values as $what => $value) { $facts["$of $what"] = $value; }
    };
    $callable = function (string $name, array $signature) use (&$facts, $add): void {
        $parameters = $signature['parameters'];
        unset($signature['parameters']);
        $facts[$name] = true;
        $add($name, $signature + ['parameter names' => array_column($parameters, 'name')]);
        foreach ($parameters as $p) { $add("$name \${$p['name']}", array_diff_key($p, ['name' => 0])); }
    };
    foreach ($api['classes'] as $class => $c) {
        foreach ($c['methods'] as $method => $signature) { $callable("$class::$method()", $signature); }
        unset($c['methods']);
        sort($c['interfaces']);
        $facts["class $class"] = true;
        $add("class $class", $c);
    }
    foreach ($api['functions'] as $name => $signature) { $callable("$name()", $signature); }
    return $facts;
}

[, $stub, $recording] = $argv + [1 => null, null];
if ($recording === null || ($stub === '-' && !extension_loaded('gearman'))) {
    fwrite(STDERR, $recording === null ? "usage: php compare_api.php STUB|- API.json\n" : "no extension gearman loaded\n");
    exit(2);
}
if ($stub !== '-' && (php_ini_loaded_file() || php_ini_scanned_files() || extension_loaded('gearman'))) {
    // A loaded module has the stub's classes already, and php.ini must not matter.
    passthru(implode(' ', array_map('escapeshellarg', [PHP_BINARY, '-n', __FILE__, $stub, $recording])), $code);
    exit($code);
}

$pecl = with_2_2(json_decode(file_get_contents($recording), true, flags: JSON_THROW_ON_ERROR));
foreach (DELIBERATE_TWINS as $name => [$like]) {
    if (!str_contains($name, '::')) { $pecl['functions'][$name] = $pecl['functions'][$like]; continue; }
    [[$class, $method], [$like_class, $like_method]] = [explode('::', $name), explode('::', $like)];
    $pecl['classes'][$class]['methods'][$method] = $pecl['classes'][$like_class]['methods'][$like_method];
}
$theirs = array_map(fn ($deliberate) => $deliberate[0], DELIBERATE) + facts($pecl);
$ours = facts(without_ours(reflect($stub), $pecl));

$show = fn (array $facts, string $name): string => array_key_exists($name, $facts) ? json_encode($facts[$name], JSON_UNESCAPED_SLASHES) : 'nothing';
$differences = [];
foreach (array_keys($theirs + $ours) as $name) {
    $whole = preg_replace('/^((?:class )?\S+) .*/', '$1', $name);
    if (isset($differences[$whole])) { continue; } // it is missing, or too many: said already
    [$a, $b] = [$show($theirs, $name), $show($ours, $name)];
    if ($a === $b) { continue; }
    $differences[$name] = true;
    $reason = (DELIBERATE[$name] ?? DELIBERATE_TWINS[rtrim($name, '()')] ?? [1 => null])[1];
    echo "$name: ", $reason === null ? 'pecl has ' : 'on purpose ', $a, ", here $b", $reason === null ? '' : " ($reason)", "\n";
}
exit($differences ? 1 : 0);
