<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

use Closure;
use Fiber;
use FiberError;
use GearmanJob;
use GearmanWorker;

/**
 * A worker of one function with connections of its own, which has one job at most.
 *
 * GearmanWorker::work() wants a function that has done the job when it returns. So it runs in a fiber, and that function suspends
 * it for as long as the job is under way. Of a job that is dropped the server must not hear: the connection closes, and the job
 * goes to another worker.
 *
 * @internal
 */
final class Worker
{
    /** Of several servers gearman_rs's module leaves out one that has not answered for a second. In a shorter time all have. */
    private const ALL_ANSWER = 0.9;

    /** @var array<int, self> Those with a job, with pecl's module. */
    private static array $busy = [];

    /** @var array<int, self> Those of them whose job is abandoned, and that are still to be told. */
    private static array $abandoned = [];

    private static bool $endsWithProcess = false;

    private readonly GearmanWorker $worker;

    /** How many of the servers it has. */
    private readonly int $servers;

    /** @var Fiber<float, Closure(GearmanJob): string, int|null, GearmanJob>|null In the midst of work(), which has a job. */
    private ?Fiber $fiber = null;

    /** The function of work() was called, and has returned. */
    private bool $returned = false;

    /** Does the module say that there is no job, though a server has not answered? */
    private readonly bool $leavesOut;

    /** Since when the servers are asked, without a wait in between. */
    private float $asked = 0.0;

    /** A server may have been left out since. */
    private bool $isOwed = false;

    private readonly int $process;

    private readonly float $made;

    public function __construct(private readonly Options $options, private readonly string $function)
    {
        $this->process = (int) getmypid();
        $this->made = microtime(true);
        [$this->worker, $this->servers] = Module::worker($options);
        $this->leavesOut = $this->servers > 1 && !Module::isPecl();
        $this->worker->addOptions(GEARMAN_WORKER_NON_BLOCKING | GEARMAN_WORKER_GRAB_UNIQ);
        // The worker must not keep us, as nothing would end that but a search for cycles.
        $returned = &$this->returned;
        $hold = static function (GearmanJob $job) use (&$returned): string {
            $end = Fiber::suspend($job);
            $returned = true;

            return $end($job);
        };
        if (!@$this->worker->addFunction($function, $hold, null, Module::functionTimeout($options))) {
            throw new QueueException("'$function' cannot be the name of a queue: " . $this->worker->error());
        }
    }

    /** Was it made by this process, and not by one that was forked into it? And with all servers, as far as is known? */
    public function isUsable(Servers $servers): bool
    {
        return $this->process === getmypid()
            && !$servers->mayLack($this->servers, microtime(true) - $this->made);
    }

    /** The job to be done, or null if there is none. When this throws, the worker is of no use any more. */
    public function take(float $wait): ?GearmanJob
    {
        $this->returned = false;
        $this->asked = microtime(true);
        $fiber = new Fiber($this->work(...));
        $job = $fiber->start(microtime(true) + $wait);
        $this->noteSilence();
        if ($job !== null) {
            $this->fiber = $fiber;
            $this->keepForExit();
        }

        return $job;
    }

    /**
     * May a server still answer what it was asked, by a job? That would lie here until the worker is used again, so it is of no more use
     * when it has no job.
     */
    public function isOwed(): bool
    {
        return $this->isOwed;
    }

    /** Is it of use for another job then? */
    public function complete(GearmanJob $job, string $result): bool
    {
        return $this->end(static fn () => $result, static fn () => $job->sendComplete($result));
    }

    /** The same. */
    public function fail(GearmanJob $job): bool
    {
        $return = static function () use ($job): string {
            $job->setReturn(GEARMAN_WORK_FAIL);

            return '';
        };

        return $this->end($return, static fn () => $job->sendFail());
    }

    /**
     * Closes the connection: the server gives the job to another worker. The worker is of no use any more. With pecl's module that
     * happens at the next use of any queue, as no fiber can be resumed by a destructor.
     */
    public function abandon(): void
    {
        if (isset(self::$busy[spl_object_id($this)])) {
            self::$abandoned[spl_object_id($this)] = $this;
        }
        unset(self::$busy[spl_object_id($this)]);
        if (!Module::isPecl()) {
            $this->fiber = null;
        }
    }

    /** Ends those that are abandoned. Called whenever a queue is used. */
    public static function closeAbandoned(): void
    {
        while ($worker = array_pop(self::$abandoned)) {
            // pecl's closes the connection then, and would report a job as failed whose function does not return.
            @$worker->fiber?->resume(static function (GearmanJob $job): string {
                $job->setReturn(GEARMAN_LOST_CONNECTION);

                return '';
            });
            $worker->fiber = null;
        }
    }

    /** What runs in the fiber. Returns null if no job came, else the return code of its end. */
    private function work(float $deadline): ?int
    {
        // pecl's says that there is no job where there is no server, too; and of a server that it sleeps at it asks nothing before
        // wait() has seen that it was woken. wait() tells the one, and sees the other.
        $looked = !Module::isPecl();
        $settled = false;
        $answerDue = microtime(true) + $this->options->timeout;
        while (true) {
            $this->worker->setTimeout((int) ceil($this->options->timeout * 1000));
            @$this->worker->work();
            $code = $this->worker->returnCode();
            if ($this->returned) {
                return $code;
            }
            if ($code === GEARMAN_NO_JOBS) {
                // With that answer and nothing else: a job on its way would belong to nobody.
                $this->noteSilence();
                $left = $deadline - microtime(true);
                if ($left > 0 || !$looked) {
                    $this->wait(max(0, $left));
                    $looked = true;
                } elseif ($this->isOwed && !$settled && $this->allAnswer()) {
                    // A job that came meanwhile is found by another look.
                    $settled = true;
                    $this->isOwed = false;
                } else {
                    return null;
                }
                $this->asked = microtime(true);
                $answerDue = $this->asked + $this->options->timeout;
            } elseif (!in_array($code, [GEARMAN_IO_WAIT, GEARMAN_SUCCESS], true)) {
                throw Module::unreachable($this->options, (string) $this->worker->error());
            } elseif (microtime(true) < $answerDue) {
                // A longer wait would not end by the answer that there is no job.
                $this->wait(0.002);
            } else {
                $timeout = $this->options->timeout;
                throw Module::unreachable($this->options, "no whole answer in $timeout s; the option 'timeout' has to suffice for the largest job");
            }
        }
    }

    private function noteSilence(): void
    {
        $this->isOwed = $this->isOwed || ($this->leavesOut && microtime(true) - $this->asked > self::ALL_ANSWER);
    }

    /** Each server answers an echo behind what it was asked before. */
    private function allAnswer(): bool
    {
        $this->worker->setTimeout(1000);

        return @$this->worker->ping('?');
    }

    private function wait(float $seconds): void
    {
        $this->worker->setTimeout((int) ceil($seconds * 1000));
        if (!@$this->worker->wait() && $this->worker->returnCode() === GEARMAN_NO_ACTIVE_FDS) {
            throw Module::unreachable($this->options, (string) $this->worker->error());
        }
    }

    /**
     * @param Closure(): string $return What the function returns.
     * @param Closure(): bool $send The same without its return.
     */
    private function end(Closure $return, Closure $send): bool
    {
        // Until all of the result is sent.
        $this->worker->removeOptions(GEARMAN_WORKER_NON_BLOCKING);
        $resumed = true;
        try {
            $this->fiber?->resume($return);
            $sent = in_array($this->fiber?->getReturn(), [GEARMAN_SUCCESS, GEARMAN_WORK_FAIL], true);
            unset(self::$busy[spl_object_id($this)]);
            $this->fiber = null;
            $this->worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
        } catch (FiberError) {
            // A signal handler resumes no fiber.
            $resumed = false;
            $sent = @$send();
            $this->abandon();
        }
        if (!$sent) {
            throw new QueueException("The end of a job of '$this->function' did not reach its server ({$this->worker->error()}): it will be run again");
        }

        return $resumed && !$this->isOwed;
    }

    /** PHP ends fibers itself, but not so that pecl's module says nothing. */
    private function keepForExit(): void
    {
        if (!Module::isPecl()) {
            return;
        }
        self::$busy[spl_object_id($this)] = $this;
        if (!self::$endsWithProcess) {
            self::$endsWithProcess = true;
            register_shutdown_function(static function (): void {
                self::$abandoned += self::$busy;
                self::$busy = [];
                self::closeAbandoned();
            });
        }
    }
}
