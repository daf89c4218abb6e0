<?php

declare(strict_types=1);

namespace GearmanRs\Laravel\Tests;

use Illuminate\Contracts\Console\Kernel as KernelContract;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap;
use Illuminate\Foundation\Console\Kernel;
use Illuminate\Foundation\Exceptions\Handler;
use PDO;

/** The folder of a Laravel application that composer has just made and the package was installed in; removed at the end. */
final class AppFolder
{
    public readonly string $base;

    public function __construct()
    {
        $this->base = sys_get_temp_dir() . '/laravel-' . bin2hex(random_bytes(6));
        foreach (['bootstrap/cache', 'config', 'database', 'storage/framework/cache', 'storage/logs'] as $folder) {
            mkdir("$this->base/$folder", 0777, true);
        }
        foreach (glob(__DIR__ . '/App/config/*.php') as $file) {
            copy($file, "$this->base/config/" . basename($file));
        }
        file_put_contents("$this->base/artisan", '<?php $base = __DIR__; require ' . var_export(__DIR__ . '/App/artisan', true) . ';');
        file_put_contents("$this->base/bootstrap/app.php", '<?php return ' . self::class . '::make(' . var_export($this->base, true) . ');');
        $this->install();
        // Of commands that start others.
        putenv('PHP_BINARY=' . self::php());
        // The tables that `artisan queue:failed-table` and `queue:batches-table` make.
        $database = new PDO("sqlite:$this->base/database/database.sqlite");
        $database->exec('CREATE TABLE failed_jobs (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, connection TEXT, queue TEXT, payload TEXT,
            exception TEXT, failed_at TEXT DEFAULT CURRENT_TIMESTAMP)');
        $database->exec('CREATE TABLE job_batches (id TEXT PRIMARY KEY, name TEXT, total_jobs INTEGER, pending_jobs INTEGER, failed_jobs INTEGER,
            failed_job_ids TEXT, options TEXT, cancelled_at INTEGER, created_at INTEGER, finished_at INTEGER)');
    }

    /** As composer does; or it has done so, and PACKAGES_AUTOLOAD is its autoloader. */
    private function install(): void
    {
        if ($autoload = getenv('PACKAGES_AUTOLOAD')) {
            symlink(dirname($autoload), "$this->base/vendor");

            return;
        }
        mkdir("$this->base/vendor/composer", 0777, true);
        $package = json_decode(file_get_contents(dirname(__DIR__) . '/composer.json'), true);
        file_put_contents("$this->base/vendor/composer/installed.json", json_encode(['packages' => [$package]]));
    }

    /** The application, in this process. */
    public function boot(): Application
    {
        $app = self::make($this->base);
        // As the console's kernel does; but errors are PHPUnit's.
        $app->bootstrapWith([
            Bootstrap\LoadConfiguration::class,
            Bootstrap\RegisterFacades::class,
            Bootstrap\SetRequestForConsole::class,
            Bootstrap\RegisterProviders::class,
            Bootstrap\BootProviders::class,
        ]);
        return $app;
    }

    public static function make(string $base): Application
    {
        $app = new Application($base);
        $app->singleton(KernelContract::class, Kernel::class);
        $app->singleton(ExceptionHandler::class, Handler::class);
        return $app;
    }

    /** Starts a command of the application's console. */
    public function start(string ...$arguments): Program
    {
        return new Program([self::php(), 'artisan', ...$arguments], $this->base);
    }

    /** With the module that is tested. */
    private static function php(): string
    {
        return getenv('TEST_PHP') ?: PHP_BINARY;
    }

    /** Runs one that ends by itself, and well; returns what it prints. */
    public function artisan(string ...$arguments): string
    {
        $program = $this->start(...$arguments);
        $status = $program->status();
        if ($status !== 0) {
            throw new \RuntimeException("artisan $arguments[0] ends with $status: {$program->printed()} {$this->log()}");
        }
        return $program->printed();
    }

    /** @return list<string> what jobs have written down */
    public function journal(): array
    {
        return is_file($file = "$this->base/storage/journal") ? file($file, FILE_IGNORE_NEW_LINES) : [];
    }

    public function log(): string
    {
        return is_file($file = "$this->base/storage/logs/laravel.log") ? file_get_contents($file) : '';
    }

    public function remove(): void
    {
        putenv('PHP_BINARY');
        exec('rm -rf ' . escapeshellarg($this->base));
    }
}
