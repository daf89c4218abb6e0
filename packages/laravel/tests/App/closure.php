<?php

declare(strict_types=1);

// A worker has no test class that it could belong to.
return static function (): void {
    file_put_contents(storage_path('journal'), "closure done\n", FILE_APPEND);
};
