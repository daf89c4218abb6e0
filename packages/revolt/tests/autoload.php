<?php

/** Revolt's classes by the include path, or from the folder that REVOLT_CLASSES names: Debian's package has no autoloader. */

declare(strict_types=1);

require_once __DIR__ . '/../../autoload.php';

spl_autoload_register(static function (string $class): void {
    if (!str_starts_with($class, 'Revolt\\')) {
        return;
    }
    $name = strtr($class, '\\', '/') . '.php';
    $folder = getenv('REVOLT_CLASSES');
    $file = $folder === false ? stream_resolve_include_path($name) : "$folder/$name";
    if ($file !== false && is_file($file)) {
        require $file;
    }
});
