<?php

declare(strict_types=1);

namespace GearmanRs\Revolt;

enum Priority: string
{
    case High = 'high';
    case Normal = 'normal';
    case Low = 'low';
}
