<?php

/**
 * Loads the classes of the packages in this folder, for their tests: what composer does for who installs them.
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (preg_match('~^GearmanRs\\\\([A-Za-z]+)\\\\(Tests\\\\)?(.+)$~D', $class, $parts) !== 1) {
        return;
    }
    [, $package, $tests, $name] = $parts;
    $file = sprintf(
        '%s/%s/%s/%s.php',
        __DIR__,
        strtolower($package),
        $tests === '' ? 'src' : 'tests',
        strtr($name, '\\', '/'),
    );
    if (is_file($file)) {
        require $file;
    }
});
