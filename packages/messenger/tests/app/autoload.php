<?php

// Symfony as Debian has it, found by the include path, and the classes of this application.

declare(strict_types=1);

require_once 'Symfony/Bundle/FrameworkBundle/autoload.php';
require_once 'Symfony/Component/Messenger/autoload.php';
// Those that the bundle can do without.
require_once 'Symfony/Component/Console/autoload.php';
require_once 'Symfony/Component/Yaml/autoload.php';
require_once getenv('PACKAGES_AUTOLOAD') ?: dirname(__DIR__, 3) . '/autoload.php';
// Symfony asks it what is installed, since 6.
class_exists(Composer\InstalledVersions::class) || require_once 'Composer/InstalledVersions.php';

spl_autoload_register(static function (string $class): void {
    $file = __DIR__ . '/src/' . strtr(substr($class, 4), '\\', '/') . '.php';
    if (str_starts_with($class, 'App\\') && is_file($file)) {
        require $file;
    }
});
