<?php

declare(strict_types=1);

namespace App\Message;

final class Note
{
    /** @param int $failures How many tries fail. */
    public function __construct(public readonly int $id, public readonly int $failures)
    {
    }
}
