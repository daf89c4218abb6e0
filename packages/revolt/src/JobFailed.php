<?php

declare(strict_types=1);

namespace GearmanRs\Revolt;

use RuntimeException;

/**
 * Why there is no result. The code is Gearman's: GEARMAN_WORK_FAIL, GEARMAN_WORK_EXCEPTION (the message is the exception's text),
 * GEARMAN_LOST_CONNECTION, GEARMAN_COULD_NOT_CONNECT, GEARMAN_TIMEOUT …
 */
final class JobFailed extends RuntimeException
{
}
