<?php
/**
 * php -n arginfo.php STUB  ->  Rust source on stdout: arginfo, function tables, constants.
 *
 * -n matters: with php.ini the module itself (or pecl's) might be loaded and its classes would
 * clash with the stub's. What cannot be expressed ends the build, never degrades to "mixed".
 */
set_error_handler(fn ($no, $text, $file, $line) => throw new ErrorException($text, 0, $no, $file, $line));
$before = [get_declared_classes(), get_defined_functions()['user']];
require $argv[1];
$classes = array_map(fn ($c) => new ReflectionClass($c), array_diff(get_declared_classes(), $before[0]));
$functions = array_map(fn ($f) => new ReflectionFunction($f), array_diff(get_defined_functions()['user'], $before[1]));

/** Bits by name as PHP's headers give them to bindgen, so no number is written here. */
const BITS = ['null' => 'ffi::IS_NULL', 'false' => 'ffi::IS_FALSE', 'true' => 'ffi::IS_TRUE', 'int' => 'ffi::IS_LONG',
    'float' => 'ffi::IS_DOUBLE', 'string' => 'ffi::IS_STRING', 'array' => 'ffi::IS_ARRAY', 'object' => 'ffi::IS_OBJECT',
    'callable' => 'ffi::IS_CALLABLE', 'void' => 'ffi::IS_VOID'];

function c(string $text): string { return 'c"' . addcslashes($text, "\\\"\n") . '".as_ptr()'; }
function snake(string $name): string { return strtolower(preg_replace('/(?<=[a-z])[A-Z]/', '_$0', $name)); }
function tag(ReflectionFunctionAbstract $f, string $tag): ?string
{
    return preg_match("/@$tag\\b[ \\t]*([\\w:]*)/", (string) $f->getDocComment(), $m) ? $m[1] : null;
}

/** Mask and class names of a zend_type; the engine splits "A|B" and interns the names when it registers the table. */
function type(?ReflectionType $type, string $flags): string
{
    $names = $bits = [];
    foreach ($type instanceof ReflectionUnionType ? $type->getTypes() : array_filter([$type]) as $part) {
        $part instanceof ReflectionNamedType or throw new Error("cannot express type $type");
        $name = $part->getName();
        if (!$part->isBuiltin()) { $names[] = $name; }
        elseif ($name === 'mixed') { $bits[] = 'ffi::MAY_BE_ANY'; }
        elseif ($name === 'bool') { $bits[] = 'ffi::MAY_BE_BOOL'; }
        else { $bits[] = '1 << ' . (BITS[$name] ?? throw new Error("cannot express type $name")); }
        if ($part->allowsNull() && !in_array($name, ['mixed', 'null'])) { $bits[] = 'ffi::_ZEND_TYPE_NULLABLE_BIT'; }
    }
    $mask = implode(' | ', array_filter([...$bits, $names ? 'NAME' : '', $flags])) ?: '0';
    return $mask . ', ' . ($names ? c(implode('|', $names)) : 'null()');
}

/** The arginfo of one function; element 0 speaks of the function itself. */
function arginfo(ReflectionFunctionAbstract $f): string
{
    $tentative = tag($f, 'tentative-return-type') !== null ? 'TENTATIVE' : '';
    $rows = [sprintf('arg(%d as _, %s, null())', $f->getNumberOfRequiredParameters(), type($f->getReturnType(), $tentative))];
    foreach ($f->getParameters() as $p) {
        $flags = ($p->isPassedByReference() ? '1 << ffi::_ZEND_SEND_MODE_SHIFT' : '') . ($p->isVariadic() ? 'ffi::_ZEND_IS_VARIADIC_BIT' : '');
        $default = !$p->isDefaultValueAvailable() ? 'null()'
            : c($p->isDefaultValueConstant() ? $p->getDefaultValueConstantName() : literal($p->getDefaultValue()));
        $rows[] = sprintf('arg(%s, %s, %s)', c($p->getName()), type($p->getType(), $flags), $default);
    }
    return '[' . implode(', ', $rows) . ']';
}

/** A default as the engine wants it: PHP source, which it parses for reflection and named arguments. */
function literal(mixed $v): string
{
    return is_array($v) ? '[' . implode(', ', array_map(
        fn ($k, $x) => (array_is_list($v) ? '' : literal($k) . ' => ') . literal($x), array_keys($v), $v)) . ']'
        : ($v === null ? 'null' : var_export($v, true));
}

/** A row of a zend_function_entry table. GearmanClient::addServer is crate::client::add_server. */
function entry(string $name, ReflectionFunctionAbstract $f, string $arginfo): string
{
    [$class, $method] = $f instanceof ReflectionMethod ? [$f->class, $f->name]
        : explode('::', tag($f, 'alias') ?: 'GearmanFunctions::' . preg_replace('/^gearman_/', '', $f->name));
    // r#: a method may have the name of a Rust keyword, such as do()
    $path = snake(preg_replace('/^Gearman/', '', $class)) . '::r#' . snake(ltrim($method, '_'));
    $flags = implode(' | ', [...$f instanceof ReflectionMethod ? [$f->getModifiers()] : [], ...tag($f, 'deprecated') !== null ? ['ffi::ZEND_ACC_DEPRECATED'] : []]) ?: '0';
    return sprintf("    entry(%s, crate::%s, &%s.0, %d, %s),\n", c($name), $path, $arginfo, count($f->getParameters()), $flags);
}

$info = $tables = $defs = '';
$table = function (string $name, array $list) use (&$info, &$tables): void {
    $rows = '';
    foreach ($list as $f) {
        $id = strtoupper("I_{$name}_" . snake($f->name));
        $info .= sprintf("static %s: Shared<[ffi::zend_internal_arg_info; %d]> = Shared(%s);\n", $id, count($f->getParameters()) + 1, arginfo($f));
        $rows .= entry($f->name, $f, $id);
    }
    $tables .= sprintf("pub(crate) static %s: Shared<[ffi::zend_function_entry; %d]> = Shared([\n%s    END,\n]);\n", $name, count($list) + 1, $rows);
};
$table('FUNCTIONS', $functions);
foreach ($classes as $c) {
    $table($id = strtoupper(snake($c->name)), array_filter($c->getMethods(), fn ($m) => $m->class === $c->name));
    $props = '';
    foreach ($c->getProperties() as $p) {
        if ($p->class !== $c->name) { continue; }
        is_int($p->getDefaultValue()) && !$p->hasType() or throw new Error("property {$p->name}: only an untyped int is supported");
        $props .= sprintf('(%s, %d, %d), ', '"' . $p->name . '"', $p->getDefaultValue(), $p->getModifiers());
    }
    $defs .= sprintf("pub(crate) static %s_CLASS: ClassDef = ClassDef { name: \"%s\", flags: %d, functions: &%s.0, longs: &[%s] };\n",
        $id, $c->name, $c->isFinal() ? ReflectionClass::IS_FINAL : 0, $id, $props);
}
$constants = '';
foreach (get_defined_constants(true)['user'] as $name => $value) {
    if ($name === 'BITS') { continue; }
    $constants .= sprintf("    (c\"%s\", %s),\n", $name, is_int($value) ? "Const::Long($value)" : 'Const::Text(' . substr(c($value), 0, -9) . ')');
}
// Class types are C strings here. Since 8.3 the engine tells them from ready-made zend_strings by a bit of its own.
$name = 'ffi::_ZEND_TYPE_' . (PHP_VERSION_ID < 80300 ? 'NAME_BIT' : 'LITERAL_NAME_BIT');
$globals = PHP_ZTS ? 'globals_id_ptr' : 'globals_ptr';
echo "// Made by build/arginfo.php with PHP ", PHP_VERSION, " from $argv[1]\nconst NAME: u32 = $name;\nmacro_rules! globals { (\$module:expr) => { (*\$module).$globals } }\n$info\n$tables\n$defs\npub(crate) static CONSTANTS: &[(&CStr, Const)] = &[\n$constants];\n";
