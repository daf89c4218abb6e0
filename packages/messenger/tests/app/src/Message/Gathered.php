<?php

declare(strict_types=1);

namespace App\Message;

final class Gathered
{
    public function __construct(public readonly int $id)
    {
    }
}
