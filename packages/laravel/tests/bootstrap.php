<?php

declare(strict_types=1);

// The framework may be older than the PHP that runs it.
error_reporting(E_ALL & ~E_DEPRECATED);
require_once 'Illuminate/autoload.php';
// Composer's, where it has installed the package, goes before that of the checkout.
if ($autoload = getenv('PACKAGES_AUTOLOAD')) {
    require_once $autoload;
}
require_once dirname(__DIR__, 2) . '/autoload.php';
